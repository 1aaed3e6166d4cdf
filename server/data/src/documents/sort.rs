//! `sort`: fields in order, `-` before one for descending.

use basalt_core::geo::Point;
use basalt_core::limits::SORT_FIELDS;
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use basalt_store::SortField;

/// An order of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sort {
    Fields(Vec<SortField>),
    /// Nearest first.
    Near {
        path: FieldPath,
        point: Point,
    },
}

impl Sort {
    pub(crate) fn parse(terms: &[String]) -> Result<Self> {
        match terms {
            [term] if term.starts_with(DISTANCE) => near(term),
            _ => parse(terms).map(Self::Fields),
        }
    }

    /// The fields that it looks at.
    pub(crate) fn paths(&self) -> Vec<&FieldPath> {
        match self {
            Self::Fields(fields) => fields.iter().map(|field| &field.path).collect(),
            Self::Near { path, .. } => vec![path],
        }
    }
}

const DISTANCE: &str = "distance(";

/// `distance(location,35.68,139.76)`
fn near(term: &str) -> Result<Sort> {
    let shape = || bad(format!("{term:?} is not written distance(FIELD,LATITUDE,LONGITUDE), in degrees."));
    let inner = term.strip_prefix(DISTANCE).and_then(|rest| rest.strip_suffix(')')).ok_or_else(shape)?;
    let parts: Vec<&str> = inner.split(',').map(str::trim).collect();
    let [field, lat, lng] = parts.as_slice() else { return Err(shape()) };
    let path = FieldPath::parse(field).map_err(|_| bad(format!("{field:?} is not the path of a field.")))?;
    let degrees = |text: &str| text.parse::<f64>().map_err(|_| shape());
    let point = Point::new(degrees(lat)?, degrees(lng)?).ok_or_else(shape)?;
    Ok(Sort::Near { path, point })
}

pub(crate) fn parse(terms: &[String]) -> Result<Vec<SortField>> {
    check_length(terms)?;
    let mut fields: Vec<SortField> = Vec::new();
    for term in terms {
        if term.contains('(') {
            return Err(bad(format!("{term:?} is an order of lists, and stands alone.")));
        }
        let (descending, name) = direction(term);
        let path = FieldPath::parse(name).map_err(|_| bad(format!("{name:?} is not the path of a field.")))?;
        if fields.iter().any(|field| field.path == path) {
            return Err(bad(format!("{name:?} is there twice.")));
        }
        fields.push(SortField { path, descending });
    }
    Ok(fields)
}

/// Of an aggregate: names of group keys and measures; `true` for descending.
pub(crate) fn parse_names(terms: &[String], known: &[&str]) -> Result<Vec<(String, bool)>> {
    check_length(terms)?;
    let mut names: Vec<(String, bool)> = Vec::new();
    for term in terms {
        let (descending, name) = direction(term);
        if !known.contains(&name) {
            return Err(bad(format!("{name:?} is neither a group key nor a measure.")));
        }
        if names.iter().any(|(other, _)| other == name) {
            return Err(bad(format!("{name:?} is there twice.")));
        }
        names.push((name.to_owned(), descending));
    }
    Ok(names)
}

fn direction(term: &str) -> (bool, &str) {
    term.strip_prefix('-').map_or((false, term), |name| (true, name))
}

fn check_length(terms: &[String]) -> Result<()> {
    if terms.len() > SORT_FIELDS {
        return Err(bad(format!("sort has at most {SORT_FIELDS} fields.")));
    }
    Ok(())
}

fn bad(detail: String) -> Error {
    let fault = FieldError::new("/sort", "bad_sort", detail.clone());
    Error::new(Code::BadParameter, detail).with_errors(vec![fault])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(terms: &[&str]) -> Vec<String> {
        terms.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_and_directions() {
        let fields = parse(&texts(&["-createdAt", "author.name"])).unwrap();
        assert!(fields[0].descending && !fields[1].descending);
        assert_eq!(fields[1].path.to_string(), "author.name");
    }

    #[test]
    fn what_is_no_sort_is_refused() {
        for bad in [&["-"][..], &[""], &["a", "-a"], &["$a"], &["a."], &["a"; SORT_FIELDS + 1]] {
            assert_eq!(parse(&texts(bad)).unwrap_err().code(), Code::BadParameter, "{bad:?}");
        }
    }

    #[test]
    fn nearest_first_is_an_order_of_its_own() {
        let Sort::Near { path, point } = Sort::parse(&texts(&["distance(at.place, 35.68 ,-139.76)"])).unwrap() else {
            panic!("by distance")
        };
        assert_eq!((path.to_string().as_str(), point), ("at.place", Point { lat: 35.68, lng: -139.76 }));
        for bad in [
            &["distance(at,1)"][..],
            &["distance(at,1,2,3)"],
            &["distance(at,91,2)"],
            &["distance(at,nan,2)"],
            &["distance(at,1,2"],
            &["distance(,1,2)"],
            &["-distance(at,1,2)"],
            &["distance(at,1,2)", "title"],
        ] {
            assert_eq!(Sort::parse(&texts(bad)).unwrap_err().code(), Code::BadParameter, "{bad:?}");
        }
    }

    #[test]
    fn aggregates_sort_by_what_they_name() {
        assert_eq!(parse_names(&texts(&["-n"]), &["n", "genre"]).unwrap(), [("n".to_owned(), true)]);
        assert!(parse_names(&texts(&["m"]), &["n"]).is_err());
    }
}
