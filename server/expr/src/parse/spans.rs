//! What part of the source a node spans. The parser knows one token of each node (an operator, a dot, a bracket).

use cel::common::ast::SourceInfo;

use super::tokens::{TokenKind, Tokens};
use crate::tree::Span;

pub(crate) struct Spans {
    tokens: Tokens,
    info: SourceInfo,
}

impl Spans {
    pub(crate) fn new(tokens: Tokens, info: SourceInfo) -> Self {
        Self { tokens, info }
    }

    pub(crate) fn source(&self) -> &str {
        &self.info.source
    }

    fn token_index(&self, id: u64) -> Option<usize> {
        let (from, _) = self.info.offset_for(id)?;
        self.tokens.index_at(from as usize)
    }

    fn token_span(&self, index: usize) -> Option<Span> {
        self.tokens.get(index).map(|token| Span::new(token.from, token.to))
    }

    /// The node's own token.
    pub(crate) fn token(&self, id: u64) -> Span {
        self.token_index(id).and_then(|index| self.token_span(index)).unwrap_or_default()
    }

    /// A number, with the sign before it.
    pub(crate) fn number(&self, id: u64, is_negative: bool) -> Span {
        let own = self.token(id);
        let before = self.token_index(id).and_then(|index| index.checked_sub(1));
        match before.and_then(|index| self.token_span(index)) {
            Some(sign) if is_negative => sign.to(own),
            _ => own,
        }
    }

    /// From a bracket (the node's own token) to the one that closes it.
    pub(crate) fn bracket(&self, id: u64) -> Span {
        let Some(token) = self.token_index(id).and_then(|index| self.tokens.get(index)) else {
            return Span::default();
        };
        let close = self.token_span(token.partner).filter(|_| token.kind == TokenKind::Open);
        Span::new(token.from, close.map_or(token.to, Span::end))
    }

    /// A global call, from its name; the node's own token is the bracket.
    pub(crate) fn call(&self, id: u64) -> Span {
        let bracket = self.bracket(id);
        let name = self.token_index(id).and_then(|index| index.checked_sub(1));
        name.and_then(|index| self.token_span(index)).map_or(bracket, |name| name.to(bracket))
    }

    /// The token after the node's own (a field's name after its dot).
    pub(crate) fn after(&self, id: u64) -> Span {
        self.token_index(id).and_then(|index| self.token_span(index + 1)).unwrap_or_default()
    }

    /// The span with the round brackets right around it.
    pub(crate) fn with_brackets(&self, span: Span) -> Span {
        let (Some(mut first), Some(mut last)) =
            (self.tokens.index_at(span.from()), self.tokens.index_at(span.end().saturating_sub(1)))
        else {
            return span;
        };
        while let Some(open) = first.checked_sub(1).and_then(|index| self.tokens.get(index)) {
            let is_pair = open.kind == TokenKind::Open && open.partner == last + 1;
            if !is_pair || self.is_call(first - 1) || !self.source()[open.from..].starts_with('(') {
                break;
            }
            first -= 1;
            last += 1;
        }
        match (self.token_span(first), self.token_span(last)) {
            (Some(first), Some(last)) => first.to(last),
            _ => span,
        }
    }

    fn is_call(&self, open: usize) -> bool {
        let before = open.checked_sub(1).and_then(|index| self.tokens.get(index));
        before.is_some_and(|token| token.kind == TokenKind::Name && &self.source()[token.from..token.to] != "in")
    }
}
