//! Random expressions.

use super::dice::Dice;

/// Which expressions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Lowerable,
    Cel,
}

/// The most levels of conditions.
const DEPTH: usize = 4;

pub(crate) fn expression(dice: &mut Dice<'_>, dialect: Dialect) -> String {
    let mut generator = Generator { dice, dialect, elements: Vec::new(), within_lookup: false };
    generator.condition(DEPTH)
}

struct Generator<'g, 'd> {
    dice: &'g mut Dice<'d>,
    dialect: Dialect,
    /// The names of the enclosing macros' elements.
    elements: Vec<&'static str>,
    within_lookup: bool,
}

const NAMES: [&str; 3] = ["e", "f", "g"];

impl Generator<'_, '_> {
    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf();
        }
        match self.dice.roll(10) {
            0..=2 | 9 => self.leaf(),
            3 => format!("({} && {})", self.condition(depth - 1), self.condition(depth - 1)),
            4 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            5 => format!("!({})", self.condition(depth - 1)),
            6 => {
                let condition = self.condition(depth - 1);
                format!("({condition} ? {} : {})", self.condition(depth - 1), self.condition(depth - 1))
            }
            7 => self.quantified(depth),
            _ => {
                let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
                format!("({left}) == ({right})")
            }
        }
    }

    fn quantified(&mut self, depth: usize) -> String {
        let Some(name) = NAMES.get(self.elements.len()).copied() else { return self.leaf() };
        let of_lookup = self.dialect == Dialect::Lowerable && self.dice.chance(6);
        let range = if of_lookup { format!("{}.{}", self.lookup(), self.dice.pick(&["o", "l"])) } else { self.list() };
        let name_of = *self.dice.pick(&["exists", "all"]);
        // Within a list of a looked-up document only its own elements may be asked about.
        let outer = (std::mem::take(&mut self.elements), self.within_lookup);
        if !of_lookup {
            self.elements.clone_from(&outer.0);
        }
        self.within_lookup |= of_lookup;
        self.elements.push(name);
        let body = self.condition(depth - 1);
        (self.elements, self.within_lookup) = outer;
        format!("{range}.{name_of}({name}, {body})")
    }

    fn leaf(&mut self) -> String {
        match self.dice.roll(16) {
            0..=2 => {
                let sign = *self.dice.pick(&["==", "!="]);
                let (place, value) = (self.place(), self.value());
                self.either_way(&place, sign, sign, &value)
            }
            3 | 4 => self.order(),
            5 => format!("{} in {}", self.place(), self.values()),
            6 => format!("{} in {}", self.needle(), self.list()),
            7 => self.has(),
            8 => {
                if self.dice.chance(3) {
                    self.place()
                } else {
                    "doc.flag".to_owned()
                }
            }
            9 => {
                let test = *self.dice.pick(&["startsWith", "endsWith", "contains"]);
                let place = self.place_of(&["doc.s", "doc.id", "doc.ref"]);
                format!("{place}.{test}({})", self.text())
            }
            10 => {
                let sign = *self.dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
                let place = self.place_of(&["doc.l", "doc.s", "doc.o", "doc.m"]);
                let number = *self.dice.pick(&["0", "1", "2", "3", "1.5", "vars.n"]);
                self.either_way(&format!("size({place})"), sign, flip(sign), number)
            }
            11 => self.made_list(),
            12 => self.closed(),
            _ if self.dialect == Dialect::Cel || self.within_lookup => self.closed(),
            13 if self.dice.chance(2) => self.distance(),
            13 => self.time(),
            14 => format!("exists('{}', {})", self.dice.pick(&super::OTHER_COLLECTIONS), self.id()),
            _ => {
                let place = format!("{}.{}", self.lookup(), self.dice.pick(&["a", "n", "s", "flag", "m.x", "l"]));
                match self.dice.roll(4) {
                    0 => format!("{place} == {}", self.value()),
                    1 => format!("{} in {place}", self.needle()),
                    2 => format!("{place} > {}", self.dice.pick(&["1", "'a'", "vars.n"])),
                    _ => place,
                }
            }
        }
    }

    fn either_way(&mut self, left: &str, sign: &str, flipped: &str, right: &str) -> String {
        if self.dice.chance(3) { format!("{right} {flipped} {left}") } else { format!("{left} {sign} {right}") }
    }

    fn order(&mut self) -> String {
        let sign = *self.dice.pick(&["<", "<=", ">", ">="]);
        // `cel` orders booleans too.
        let (place, value) = if self.dialect == Dialect::Cel {
            ((*self.dice.pick(&["doc.n", "doc.s"])).to_owned(), (*self.dice.pick(&["1", "'a'", "vars.s"])).to_owned())
        } else if self.dice.chance(3) {
            (self.place(), self.value())
        } else {
            let numbers =
                (self.place_of(&["doc.n"]), *self.dice.pick(&["1", "0", "vars.n", "9007199254740993", "1.5"]));
            let texts = (self.place_of(&["doc.s", "doc.id"]), *self.dice.pick(&["'a'", "vars.s", "'é'", "'\\uffff'"]));
            let (place, value) = if self.dice.chance(2) { texts } else { numbers };
            (place, value.to_owned())
        };
        self.either_way(&place, sign, flip(sign), &value)
    }

    /// One of the places at which the type mostly fits, or any.
    fn place_of(&mut self, fitting: &[&str]) -> String {
        if self.within_lookup || self.dice.chance(3) { self.place() } else { (*self.dice.pick(fitting)).to_owned() }
    }

    fn place(&mut self) -> String {
        if let Some(element) = self.elements.last().copied()
            && (self.within_lookup || self.dice.chance(2))
        {
            let outer = *self.dice.pick(&self.elements.clone());
            return match self.dice.roll(5) {
                0 => element.to_owned(),
                1 => format!("{element}.x"),
                2 => format!("{element}.y"),
                3 => format!("{element}[vars.k]"),
                _ => format!("{outer}.z.x"),
            };
        }
        let places = [
            "doc.a",
            "doc.b",
            "doc.n",
            "doc.s",
            "doc.flag",
            "doc.m.x",
            "doc.m.y",
            "doc.m['k k']",
            "doc.m[vars.k]",
            "doc.m.z.x",
            "doc.l",
            "doc.o",
            "doc.m",
            "doc.missing",
            "doc[vars.k]",
            "doc.id",
            "doc.a.b",
        ];
        (*self.dice.pick(&places)).to_owned()
    }

    /// What `in` and macros look into.
    fn list(&mut self) -> String {
        if let Some(element) = self.elements.last().copied()
            && (self.within_lookup || self.dice.chance(4))
        {
            return format!("{element}.l");
        }
        let lists = ["doc.l", "doc.o", "doc.refs", "doc.m.l", "auth.roles", "vars.l", "doc.s", "doc.m", "doc.a", "doc"];
        // `cel` takes maps as ranges and refuses keys that aren't texts.
        let count = if self.dialect == Dialect::Lowerable && self.dice.chance(3) { lists.len() } else { 6 };
        (*self.dice.pick(&lists[..count])).to_owned()
    }

    fn value(&mut self) -> String {
        let values = [
            "1",
            "'a'",
            "null",
            "true",
            "0",
            "1.5",
            "false",
            "''",
            "vars.x",
            "auth.id",
            "vars.n",
            "vars.s",
            "-1",
            "\"\\\"\"",
            "auth.claims.x",
            "'é'",
            "9007199254740993",
            "9007199254740992.0",
            "1e300",
            "vars.l[0]",
        ];
        let count = if self.dialect == Dialect::Cel { 16 } else { values.len() };
        (*self.dice.pick(&values[..count])).to_owned()
    }

    fn needle(&mut self) -> String {
        self.value()
    }

    fn text(&mut self) -> String {
        let texts = ["'a'", "''", "'%'", "'_'", "vars.s", "auth.id", "'\\\\'", "'é'", "vars.x"];
        (*self.dice.pick(&texts)).to_owned()
    }

    fn values(&mut self) -> String {
        match self.dice.roll(5) {
            0 => "auth.roles".to_owned(),
            1 => "vars.l".to_owned(),
            2 if self.dialect == Dialect::Lowerable => "auth.claims".to_owned(),
            3 => "[]".to_owned(),
            _ => format!("[{}, {}]", self.value(), self.value()),
        }
    }

    fn has(&mut self) -> String {
        let place = match self.elements.last().copied() {
            Some(element) if self.within_lookup || self.dice.chance(2) => {
                format!("{element}.{}", self.dice.pick(&["x", "z", "z.x"]))
            }
            _ => (*self.dice.pick(&["doc.a", "doc.m.x", "doc.m.z.x", "doc.a.b", "doc.missing", "doc.n.x"])).to_owned(),
        };
        format!("has({place})")
    }

    fn made_list(&mut self) -> String {
        let value = self.value();
        format!("{value} in [{}, {}, {}]", self.place(), self.value(), self.place())
    }

    fn time(&mut self) -> String {
        let sign = *self.dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
        let field = *self.dice.pick(&["doc.t", "doc.createdAt"]);
        let time = *self.dice.pick(&[
            "request.time",
            "request.time - duration('1ms')",
            "timestamp('2026-11-22T08:00:00.001Z')",
            "timestamp('9999-12-31T23:59:59.999Z') + duration('1h')",
            "timestamp(vars.s)",
        ]);
        self.either_way(&format!("timestamp({field})"), sign, flip(sign), time)
    }

    fn distance(&mut self) -> String {
        let sign = *self.dice.pick(&["<", "<=", ">", ">="]);
        let point = *self.dice.pick(&[
            "{'lat': 35.68, 'lng': 139.76}",
            "{'lat': 0, 'lng': 180}",
            "{'lat': 89.99, 'lng': 0.5}",
            "vars.p",
            "vars.x",
        ]);
        let places = if self.dice.chance(2) { ["doc.p", point] } else { [point, "doc.p"] };
        let metres =
            *self.dice.pick(&["0", "0.5", "1000", "400000", "10000000", "20015200", "-1", "vars.metres", "vars.x"]);
        self.either_way(&format!("geo.distance({}, {})", places[0], places[1]), sign, flip(sign), metres)
    }

    fn id(&mut self) -> String {
        if let Some(element) = self.elements.last().copied()
            && (self.within_lookup || self.dice.chance(2))
        {
            return element.to_owned();
        }
        (*self.dice.pick(&[
            "doc.ref",
            "'r1'",
            "doc.a",
            "doc.s + '_' + auth.id",
            "vars.s + '_u1'",
            "doc.m.x",
            "auth.id",
        ]))
        .to_owned()
    }

    fn lookup(&mut self) -> String {
        let (collection, id) = (*self.dice.pick(&super::OTHER_COLLECTIONS), self.id());
        format!("get('{collection}', {id})")
    }

    /// Nothing of `doc`.
    fn closed(&mut self) -> String {
        let conditions = [
            "true",
            "false",
            "auth != null",
            "vars.flag",
            "auth.id == 'u1'",
            "'a' in auth.roles",
            "vars.x == vars.n",
            "size(vars.s) > 1",
            "vars.l.exists(v, v == vars.x)",
            "vars.l.all(v, v != null)",
            "has(auth.claims.x)",
            "has(auth.claims.y)",
            "auth.claims.y == 1",
            "vars.s.startsWith('a')",
            "vars.l.map(v, v) == vars.l",
            "vars.l.filter(v, v == 1).size() == 1",
            "vars.x",
            "vars.l == [vars.x]",
            "[1, 2].exists_one(v, v == vars.n)",
            // `cel` refuses to add an integer to a float.
            "vars.n + 1 > 2",
        ];
        let count = if self.dialect == Dialect::Cel { conditions.len() - 1 } else { conditions.len() };
        (*self.dice.pick(&conditions[..count])).to_owned()
    }
}

fn flip(sign: &str) -> &str {
    match sign {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    }
}
