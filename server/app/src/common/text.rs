//! One canonical form for what identifies an account.

use unicode_normalization::UnicodeNormalization;

/// Trimmed, compatibility-composed (NFKC) and in lower case: equal for what people take to be equal.
pub(crate) fn canonical(text: &str) -> String {
    let lower: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
    // Lower case may decompose (İ), so it is composed once more.
    lower.nfkc().collect()
}

/// Whether a text holds what no name should: white space, control and invisible characters.
pub(crate) fn has_invisible(text: &str) -> bool {
    let invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().any(|c| c.is_control() || c.is_whitespace() || invisible(c))
}

/// One `@`, something before it, a name with a dot or a single label after it, nothing invisible. More can only be
/// learned by sending a mail.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&local.len())
        && text.len() <= 254
        && !has_invisible(text)
        && !local.contains(['<', '>', '"', ',', ';', ':', '\\', '(', ')', '[', ']'])
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_for_people_is_equal() {
        for text in [" ANN@Example.com ", "ａｎｎ＠example.com", "Ann@EXAMPLE.COM\n"] {
            assert_eq!(canonical(text), "ann@example.com", "{text:?}");
        }
        assert_eq!(canonical("É"), canonical("e\u{301}"));
        let twice = canonical(&canonical("İstanbul"));
        assert_eq!(canonical("İstanbul"), twice, "canonical forms stay as they are");
    }

    #[test]
    fn invisible_characters_are_seen() {
        for text in ["a b", "a\u{200b}b", "a\u{202e}b", "a\tb"] {
            assert!(has_invisible(text), "{text:?}");
        }
        assert!(!has_invisible("josé_用户"));
    }
}
