//! Operators, with what is known of their operands' types.

use basalt_core::filter::Order;
use basalt_core::limits::IN_LIST;
use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};
use serde_json::Value;

use super::names::capital;
use super::{Checker, constant, make};
use crate::tree::{Constant, Kind, Node, Operator, Span};
use crate::types::{Type, are_ordered, arithmetic};

impl Checker<'_> {
    /// `None` where the call is no operator.
    pub(super) fn operator(&mut self, id: u64, call: &CallExpr, depth: usize) -> Option<Node> {
        if call.target.is_some() {
            return None;
        }
        let args = call.args.as_slice();
        Some(match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR => self.logic(&call.func_name, args, depth),
            operators::LOGICAL_NOT => self.not(id, args, depth),
            operators::NEGATE => self.negate(id, args, depth),
            operators::CONDITIONAL => self.ternary(id, args, depth),
            operators::INDEX => self.index(id, args, depth),
            operators::EQUALS => self.equality(id, args, false, depth),
            operators::NOT_EQUALS => self.equality(id, args, true, depth),
            operators::LESS => self.order(id, args, Order::Lt, depth),
            operators::LESS_EQUALS => self.order(id, args, Order::Le, depth),
            operators::GREATER => self.order(id, args, Order::Gt, depth),
            operators::GREATER_EQUALS => self.order(id, args, Order::Ge, depth),
            operators::IN => self.contained(id, args, depth),
            operators::ADD => self.arithmetic(id, args, Operator::Add, depth),
            operators::SUBSTRACT => self.arithmetic(id, args, Operator::Subtract, depth),
            operators::MULTIPLY => self.arithmetic(id, args, Operator::Multiply, depth),
            operators::DIVIDE => self.arithmetic(id, args, Operator::Divide, depth),
            operators::MODULO => self.arithmetic(id, args, Operator::Modulo, depth),
            _ => return None,
        })
    }

    fn logic(&mut self, operator: &str, args: &[IdedExpr], depth: usize) -> Node {
        let mut operands = Vec::new();
        for arg in args {
            collect_operands(operator, arg, &mut operands);
        }
        let is_and = operator == operators::LOGICAL_AND;
        let sign = if is_and { "&&" } else { "||" };
        let mut parts = Vec::with_capacity(operands.len());
        for operand in operands {
            let part = self.node(operand, depth + 1);
            self.want(&part, Type::Bool, &format!("`{sign}` joins conditions"));
            parts.push(part);
        }
        let span = match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => self.outer(first).to(self.outer(last)),
            _ => Span::default(),
        };
        make(if is_and { Kind::And(parts) } else { Kind::Or(parts) }, span, Type::Bool)
    }

    fn not(&mut self, id: u64, args: &[IdedExpr], depth: usize) -> Node {
        let [operand] = args else { return self.misread(id) };
        let of = self.node(operand, depth + 1);
        self.want(&of, Type::Bool, "`!` wants a condition");
        let span = self.spans.token(id).to(self.outer(&of));
        make(Kind::Not(Box::new(of)), span, Type::Bool)
    }

    fn negate(&mut self, id: u64, args: &[IdedExpr], depth: usize) -> Node {
        let [operand] = args else { return self.misread(id) };
        let of = self.node(operand, depth + 1);
        self.want(&of, Type::Number, "`-` wants");
        let span = self.spans.token(id).to(self.outer(&of));
        if let Kind::Constant(Constant::Json(Value::Number(number))) = &of.kind {
            let negated = match number.as_i64() {
                Some(integer) => integer.checked_neg().map(Value::from),
                None => number.as_f64().map(|float| Value::from(-float)),
            };
            if let Some(negated) = negated {
                return constant(negated, span, Type::Number);
            }
        }
        make(Kind::Negate(Box::new(of)), span, Type::Number)
    }

    fn ternary(&mut self, id: u64, args: &[IdedExpr], depth: usize) -> Node {
        let [condition, if_true, if_false] = args else { return self.misread(id) };
        let condition = self.node(condition, depth + 1);
        self.want(&condition, Type::Bool, "`? :` wants a condition");
        let if_true = self.node(if_true, depth + 1);
        let if_false = self.node(if_false, depth + 1);
        let span = self.outer(&condition).to(self.outer(&if_false));
        let kind_of = if_true.kind_of.either(if_false.kind_of);
        make(Kind::Ternary(Box::new([condition, if_true, if_false])), span, kind_of)
    }

    fn sides(&mut self, args: &[IdedExpr; 2], depth: usize) -> ([Node; 2], Span) {
        let mut side = |own: &IdedExpr, other: &IdedExpr| {
            let names = if is_type_call(other) { self.type_names(own) } else { None };
            names.unwrap_or_else(|| self.node(own, depth + 1))
        };
        let sides = [side(&args[0], &args[1]), side(&args[1], &args[0])];
        let span = self.outer(&sides[0]).to(self.outer(&sides[1]));
        (sides, span)
    }

    fn equality(&mut self, id: u64, args: &[IdedExpr], negated: bool, depth: usize) -> Node {
        let Ok(args) = args.try_into() else { return self.misread(id) };
        let (sides, span) = self.sides(args, depth);
        let [left, right] = [&sides[0], &sides[1]].map(|side| side.kind_of);
        if (left.is_beyond_json() || right.is_beyond_json()) && !left.may_be(right) {
            self.never_alike(&sides, span, "compared");
        }
        make(Kind::Equal { sides: Box::new(sides), negated }, span, Type::Bool)
    }

    fn order(&mut self, id: u64, args: &[IdedExpr], order: Order, depth: usize) -> Node {
        let Ok(args) = args.try_into() else { return self.misread(id) };
        let (sides, span) = self.sides(args, depth);
        if !are_ordered(sides[0].kind_of, sides[1].kind_of) {
            self.never_alike(&sides, span, "ordered");
        }
        make(Kind::Order(order, Box::new(sides)), span, Type::Bool)
    }

    fn never_alike(&mut self, sides: &[Node; 2], span: Span, operation: &str) {
        let types = [sides[0].kind_of, sides[1].kind_of];
        let stored = sides.iter().find(|side| matches!(side.kind_of, Type::Json | Type::Text));
        let stored = stored.filter(|_| types.contains(&Type::Time)).map(|side| side.span);
        let advice = if let Some(stored) = stored {
            let text = &self.spans.source()[stored.from()..stored.end()];
            format!(" Stored times are texts: write timestamp({text}).")
        } else if types.contains(&Type::Kind) {
            " A type is compared with a type's name: type(x) == string.".to_owned()
        } else {
            String::new()
        };
        self.fault(span, format!("{} and {} can't be {operation}.{advice}", capital(types[0]), types[1]));
    }

    fn contained(&mut self, id: u64, args: &[IdedExpr], depth: usize) -> Node {
        let Ok(args) = args.try_into() else { return self.misread(id) };
        let (sides, span) = self.sides(args, depth);
        let list = &sides[1];
        if !list.kind_of.may_be(Type::List) && !list.kind_of.may_be(Type::Map) {
            self.fault(list.span, format!("`in` wants a list or a map on its right; this is {}.", list.kind_of));
        }
        let length = match &list.kind {
            Kind::Constant(Constant::Json(Value::Array(items))) => items.len(),
            Kind::List(items) => items.len(),
            _ => 0,
        };
        if length > IN_LIST {
            self.fault(list.span, format!("`in` takes a list of at most {IN_LIST} values; this one has {length}."));
        }
        make(Kind::In(Box::new(sides)), span, Type::Bool)
    }

    fn arithmetic(&mut self, id: u64, args: &[IdedExpr], operator: Operator, depth: usize) -> Node {
        let Ok(args) = args.try_into() else { return self.misread(id) };
        let (sides, span) = self.sides(args, depth);
        let [left, right] = [&sides[0], &sides[1]].map(|side| side.kind_of);
        let kind_of = arithmetic(operator, left, right).unwrap_or_else(|| {
            let sign = operator.sign();
            self.fault(span, format!("`{sign}` can't join {left} and {right}."));
            Type::Any
        });
        make(Kind::Arithmetic(operator, Box::new(sides)), span, kind_of)
    }
}

/// The operands of nested equal operators, from left to right: `a && (b && c)` is `a && b && c`.
fn collect_operands<'e>(operator: &str, expr: &'e IdedExpr, operands: &mut Vec<&'e IdedExpr>) {
    match &expr.expr {
        Expr::Call(call) if call.func_name == operator => {
            call.args.iter().for_each(|arg| collect_operands(operator, arg, operands));
        }
        _ => operands.push(expr),
    }
}

fn is_type_call(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Call(call) if call.func_name == "type" && call.target.is_none() && call.args.len() == 1)
}
