//! The query string into our own types: unknown, repeated and ill-formed parameters are refused.

use std::fmt;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Code, Error, FieldError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::future::{Ready, ready};

use super::contract::{Argument, Contract};
use crate::problem::Problem;

/// The query parameters, as a type that denies unknown fields.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self).map_err(Problem::from))
    }
}

impl<T> Argument for Query<T> {
    fn describe(contract: &mut Contract) {
        contract.takes_query = true;
        contract.refuses(&[Code::UnknownParameter, Code::BadParameter]);
    }
}

/// The refusal of whatever parameter is there, for handlers that take none.
pub(crate) fn no_query(request: &HttpRequest) -> Result<(), Error> {
    let first = form_urlencoded::parse(request.query_string().as_bytes()).next();
    first.map_or(Ok(()), |(name, _)| Err(unknown(&name)))
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    T::deserialize(MapAccessDeserializer::new(Pairs { rest: form_urlencoded::parse(query.as_bytes()), value: None }))
        .map_err(|Fault(error)| error)
}

struct Pairs<'de> {
    rest: form_urlencoded::Parse<'de>,
    value: Option<Text<'de>>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(Text { name: name.clone(), value });
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let text = self.value.take().ok_or_else(|| <Fault as de::Error>::custom("a value without a name"))?;
        let name = text.name.clone();
        seed.deserialize(text).map_err(|fault| fault.named(&name))
    }
}

/// The refusal of a parameter that nobody knows.
pub(super) fn unknown(name: &str) -> Error {
    at(Code::UnknownParameter, name, "unknown_parameter", format!("There is no parameter {name:?} here."))
}

fn at(code: Code, name: &str, member_code: &str, detail: String) -> Error {
    let field = FieldError::new(format!("/{name}"), member_code, detail.clone());
    Error::new(code, detail).with_errors(vec![field])
}

/// A parameter's text, which becomes what the field wants.
struct Text<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl Text<'_> {
    fn bad(&self, expected: &str) -> Fault {
        let detail = format!("The parameter {:?} has to be {expected}.", self.name);
        Fault(at(Code::BadParameter, &self.name, "bad_parameter", detail))
    }
}

impl<'de> de::Deserializer<'de> for Text<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_string(self.value.into_owned())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &*self.value {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.bad("true or false")),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // No sign, no leading plus: digits alone.
        let digits = self.value.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.value.parse().ok().filter(|_| digits);
        number.map_or_else(|| Err(self.bad("a whole number of at least 0")), |number| visitor.visit_u32(number))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if !variants.contains(&&*self.value) {
            return Err(self.bad(&format!("one of {}", variants.join(", "))));
        }
        visitor.visit_enum(self.value.into_owned().into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[derive(Debug)]
struct Fault(Error);

impl Fault {
    /// A type that parses its text (an id, a name) says what is wrong, and not where.
    fn named(self, name: &str) -> Self {
        if !self.0.errors().is_empty() {
            return self;
        }
        let detail = self.0.detail().to_owned();
        Self(at(Code::BadParameter, name, "bad_parameter", detail))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Error::new(Code::BadParameter, message.to_string()))
    }
    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self(unknown(name))
    }
    fn duplicate_field(name: &'static str) -> Self {
        let detail = format!("The parameter {name:?} is there twice.");
        Self(at(Code::BadParameter, name, "bad_parameter", detail))
    }
    fn missing_field(name: &'static str) -> Self {
        Self(at(Code::BadParameter, name, "required", format!("The parameter {name:?} is missing.")))
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::DocumentId;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Sample {
        text: Option<String>,
        #[serde(default)]
        flag: bool,
        limit: Option<u32>,
        user_id: Option<DocumentId>,
        mode: Option<Mode>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Exact,
    }

    fn refused(query: &str) -> (Code, String) {
        let error = parse::<Sample>(query).unwrap_err();
        (error.code(), error.errors()[0].path.clone())
    }

    #[test]
    fn parameters_become_what_the_type_wants() {
        let sample: Sample = parse("text=a%20b%2Bc&flag=true&limit=7&userId=u1&mode=exact").unwrap();
        assert_eq!(sample.text.as_deref(), Some("a b+c"));
        assert!(sample.flag);
        assert_eq!((sample.limit, sample.mode), (Some(7), Some(Mode::Exact)));
        assert_eq!(sample.user_id.unwrap().as_str(), "u1");
        assert!(parse::<Sample>("").unwrap().text.is_none());
    }

    #[test]
    fn faults_name_the_parameter() {
        for (query, code, path) in [
            ("nope=1", Code::UnknownParameter, "/nope"),
            ("limit=-1", Code::BadParameter, "/limit"),
            ("limit=+1", Code::BadParameter, "/limit"),
            ("limit=", Code::BadParameter, "/limit"),
            ("limit=99999999999", Code::BadParameter, "/limit"),
            ("flag=1", Code::BadParameter, "/flag"),
            ("limit=1&limit=2", Code::BadParameter, "/limit"),
            ("userId=a%2Fb", Code::BadParameter, "/userId"),
            ("mode=about", Code::BadParameter, "/mode"),
        ] {
            assert_eq!(refused(query), (code, path.to_owned()), "{query}");
        }
    }
}
