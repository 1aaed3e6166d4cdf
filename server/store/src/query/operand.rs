//! Places as fragments of SQL: a key column, a column of the document's own, or a look into the JSON.

use basalt_core::FieldPath;
use basalt_core::document::{CREATED_AT, ID, REV, UPDATED_AT};
use basalt_core::filter::{Place, Root};

use super::dialect::{self, Json, Kind};
use super::print::{Printer, Scope};
use crate::catalog::Collection;
use crate::sql::Dialect;

/// What is at a place.
pub(super) enum Operand {
    /// Nothing, in no document.
    Missing,
    /// The document itself: a map of `data` and the own fields.
    Whole(Json),
    /// A text column: `id`, `rev` and the times.
    Own {
        dialect: Dialect,
        column: String,
    },
    Json(Json),
}

impl Operand {
    pub(super) fn of(place: &Place, scope: &Scope<'_>, printer: &mut Printer<'_>) -> Self {
        match place.root {
            Root::Document => Self::in_document(place.path.names(), scope, printer),
            Root::Element(_) if !place.path.names().iter().all(|name| storable(name)) => Self::Missing,
            Root::Element(level) => match scope.elements.get(level) {
                None => Self::Missing,
                Some(alias) => {
                    let element = Json::element(printer.dialect, alias);
                    Self::Json(element.at(place.path.names(), printer))
                }
            },
        }
    }

    pub(super) fn in_document(names: &[String], scope: &Scope<'_>, printer: &mut Printer<'_>) -> Self {
        let dialect = printer.dialect;
        if let Some(columns) = scope.columns {
            return Self::in_group(names, columns, printer);
        }
        let data = Json::column(dialect, &format!("{}.data", scope.table));
        match names {
            [] => Self::Whole(data),
            [first, rest @ ..] => match (own_column(first), rest) {
                (Some(column), []) => Self::Own { dialect, column: format!("{}.{column}", scope.table) },
                (Some(_), _) => Self::Missing,
                (None, _) if !names.iter().all(|name| storable(name)) => Self::Missing,
                (None, _) => Self::Json(data.at(names, printer)),
            },
        }
    }

    /// A column whose name is what the path begins with (names of columns may have dots), or something within it.
    fn in_group(names: &[String], columns: &[(String, Json)], printer: &mut Printer<'_>) -> Self {
        let found = (1..=names.len()).rev().find_map(|length| {
            let name = names[..length].join(".");
            columns.iter().find(|(column, _)| *column == name).map(|(_, json)| (json, &names[length..]))
        });
        match found {
            Some((json, rest)) if rest.iter().all(|name| storable(name)) => Self::Json(json.at(rest, printer)),
            _ => Self::Missing,
        }
    }

    /// A condition by the kind of what is there; false where nothing is, `otherwise` for other kinds.
    pub(super) fn cases(&self, arms: &[(Kind, String)], otherwise: bool) -> String {
        match self {
            Self::Json(json) if otherwise => json.choose(arms, &json.is_present()),
            Self::Json(json) => json.choose(arms, "FALSE"),
            Self::Missing => "FALSE".to_owned(),
            Self::Whole(_) | Self::Own { .. } => self.choose(arms, if otherwise { "TRUE" } else { "FALSE" }),
        }
    }

    /// A value by kind.
    pub(super) fn choose(&self, arms: &[(Kind, String)], otherwise: &str) -> String {
        let fixed = match self {
            Self::Json(json) => return json.choose(arms, otherwise),
            Self::Missing => Kind::Missing,
            Self::Whole(_) => Kind::Map,
            Self::Own { .. } => Kind::Text,
        };
        arms.iter().find(|(kind, _)| *kind == fixed).map_or_else(|| otherwise.to_owned(), |(_, then)| then.clone())
    }

    pub(super) fn is_present(&self) -> String {
        match self {
            Self::Missing => "FALSE".to_owned(),
            Self::Whole(_) | Self::Own { .. } => "TRUE".to_owned(),
            Self::Json(json) => json.is_present(),
        }
    }

    pub(super) fn is_missing(&self) -> String {
        match self {
            Self::Missing => "TRUE".to_owned(),
            Self::Whole(_) | Self::Own { .. } => "FALSE".to_owned(),
            Self::Json(json) => json.is_missing(),
        }
    }

    /// The text, where it is one (as the next ones).
    pub(super) fn text(&self) -> String {
        match self {
            Self::Own { dialect, column } => dialect::collated(*dialect, column),
            Self::Json(json) => json.text(),
            Self::Missing | Self::Whole(_) => NOTHING.to_owned(),
        }
    }

    pub(super) fn number(&self) -> String {
        self.json_part(Json::number)
    }

    pub(super) fn boolean(&self) -> String {
        self.json_part(Json::boolean)
    }

    pub(super) fn integer(&self) -> String {
        self.json_part(Json::integer)
    }

    pub(super) fn real(&self) -> String {
        self.json_part(Json::real)
    }

    pub(super) fn list_length(&self) -> String {
        self.json_part(Json::list_length)
    }

    /// How many names the map has.
    pub(super) fn map_length(&self) -> String {
        match self {
            Self::Whole(data) => format!("({} + {})", data.map_length(), basalt_core::document::OWN_FIELDS.len()),
            other => other.json_part(Json::map_length),
        }
    }

    /// The elements as an item of `FROM`; `None` where there never is a list.
    pub(super) fn elements(&self, alias: &str) -> Option<String> {
        match self {
            Self::Json(json) => Some(json.elements(alias)),
            Self::Missing | Self::Whole(_) | Self::Own { .. } => None,
        }
    }

    /// The value as JSON (SQLite: JSON text), NULL where missing.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Json(json) | Self::Whole(json) => json.json(),
            Self::Own { dialect, column } => dialect::text_to_json(*dialect, column),
            Self::Missing => NOTHING.to_owned(),
        }
    }

    fn json_part(&self, part: fn(&Json) -> String) -> String {
        match self {
            Self::Json(json) => part(json),
            Self::Missing | Self::Whole(_) | Self::Own { .. } => NOTHING.to_owned(),
        }
    }
}

/// Stands where [`Operand::choose`] never looks.
const NOTHING: &str = "NULL";

/// The column of an own field.
pub(super) fn own_column(name: &str) -> Option<&'static str> {
    match name {
        ID => Some("id"),
        REV => Some("rev"),
        CREATED_AT => Some("created_at"),
        UPDATED_AT => Some("updated_at"),
        _ => None,
    }
}

/// The column with the keys of a field, if every row has its key.
pub(super) fn key_column<'a>(collection: &'a Collection, path: &FieldPath) -> Option<&'a str> {
    let column = collection.key_column(path).filter(|column| column.ready)?;
    Some(&column.column)
}

/// The key column of a place, with its table.
pub(super) fn key_of_place(place: &Place, scope: &Scope<'_>) -> Option<String> {
    let is_id = matches!(place.path.names(), [name] if name == ID);
    // The primary key serves better.
    if place.root != Root::Document || is_id {
        return None;
    }
    let column = key_column(scope.collection, &place.path)?;
    Some(format!("{}.{column}", scope.table))
}

/// Whether a document can hold this text at all (PostgreSQL can't even be asked about others).
pub(super) fn storable(text: &str) -> bool {
    !text.contains('\0')
}
