//! `sort`: fields in order, `-` before one for descending.

use basalt_core::limits::SORT_FIELDS;
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use basalt_store::SortField;

use super::input::not_available;

pub(crate) fn parse(terms: &[String]) -> Result<Vec<SortField>> {
    check_length(terms)?;
    let mut fields: Vec<SortField> = Vec::new();
    for term in terms {
        if term.contains('(') {
            return Err(not_available("sort=distance()"));
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
        assert_eq!(parse(&texts(&["distance(location,1,2)"])).unwrap_err().code(), Code::NotAvailable);
    }

    #[test]
    fn aggregates_sort_by_what_they_name() {
        assert_eq!(parse_names(&texts(&["-n"]), &["n", "genre"]).unwrap(), [("n".to_owned(), true)]);
        assert!(parse_names(&texts(&["m"]), &["n"]).is_err());
    }
}
