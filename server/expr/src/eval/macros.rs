//! `exists`, `all`, `exists_one`, `map` and `filter` over lists.

use super::logic::{Decider, Undecided};
use super::stop::{Stop, Why};
use super::value::{List, Val};
use super::watch::Watch;
use super::{Evaluated, Evaluator, failed};
use crate::tree::{Macro, MacroKind};

impl<'a, W: Watch<'a>> Evaluator<'a, W> {
    #[inline(never)]
    pub(super) fn apply_macro(&mut self, of: &'a Macro) -> Evaluated<'a> {
        let list = match self.value(&of.range)? {
            Val::List(list) => list,
            other => return failed(&of.range, Why::Unfit("a list", other.type_name())),
        };
        match of.kind {
            MacroKind::Exists => self.any(of, &list).map(Val::Bool),
            MacroKind::All => self.all(of, &list).map(Val::Bool),
            MacroKind::ExistsOne => self.exists_one(of, &list).map(Val::Bool),
            MacroKind::Map => self.map_list(of, &list),
            MacroKind::Filter => self.filter_list(of, &list),
        }
    }

    /// Computes something of an element.
    fn with<T>(&mut self, element: Val<'a>, compute: impl FnOnce(&mut Self) -> T) -> T {
        self.variables.push(element);
        let result = compute(self);
        self.variables.pop();
        result
    }

    fn any(&mut self, of: &'a Macro, list: &List<'a>) -> Result<bool, Stop<'a>> {
        let mut undecided = Undecided::new(Decider::True);
        for element in list.iter() {
            let result = self.with(element, |this| this.condition(&of.body));
            if undecided.add(result)? {
                return Ok(true);
            }
        }
        undecided.finish()
    }

    fn all(&mut self, of: &'a Macro, list: &List<'a>) -> Result<bool, Stop<'a>> {
        let mut undecided = Undecided::new(Decider::False);
        for element in list.iter() {
            let result = self.with(element, |this| this.condition(&of.body));
            if undecided.add(result)? {
                return Ok(false);
            }
        }
        undecided.finish()
    }

    fn exists_one(&mut self, of: &'a Macro, list: &List<'a>) -> Result<bool, Stop<'a>> {
        let mut found = 0_u32;
        for element in list.iter() {
            found += u32::from(self.with(element, |this| this.condition(&of.body))?);
        }
        Ok(found == 1)
    }

    fn map_list(&mut self, of: &'a Macro, list: &List<'a>) -> Evaluated<'a> {
        let mut made = Vec::new();
        for element in list.iter() {
            let result = self.with(element, |this| {
                let is_in = of.filter.as_ref().map_or(Ok(true), |filter| this.condition(filter))?;
                if is_in { this.value(&of.body).map(Some) } else { Ok(None) }
            });
            made.extend(result?);
        }
        Ok(Val::made_list(made))
    }

    fn filter_list(&mut self, of: &'a Macro, list: &List<'a>) -> Evaluated<'a> {
        let mut made = Vec::new();
        for element in list.iter() {
            if self.with(element.clone(), |this| this.condition(&of.body))? {
                made.push(element);
            }
        }
        Ok(Val::made_list(made))
    }
}
