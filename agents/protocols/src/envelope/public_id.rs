//! Ids of components: `author/name` with or without `:version`.
//!
//! Neighbour: [`super`] tells components from agents by them, as AEA does.

/// Longest author or name, in characters.
const MAX_NAME_CHARS: usize = 128;

/// Whether a text is a component's id rather than an agent's address.
pub fn is_public_id(text: &str) -> bool {
    let Some((author, rest)) = text.split_once('/') else { return false };
    match rest.split_once(':') {
        Some((name, version)) => is_name(author) && is_name(name) && is_version(version),
        None => is_name(author) && is_name(rest),
    }
}

fn is_name(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    starts
        && text.len() <= MAX_NAME_CHARS
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `any`, `latest`, or semantic versioning.
fn is_version(text: &str) -> bool {
    if matches!(text, "any" | "latest") {
        return true;
    }
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre_release) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
    let mut numbers = core.split('.');
    let core_is_right = numbers.by_ref().take(3).filter(|number| is_number(number)).count() == 3;
    core_is_right
        && numbers.next().is_none()
        && pre_release.is_none_or(|text| text.split('.').all(is_pre_release))
        && build.is_none_or(|text| text.split('.').all(is_word))
}

fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_pre_release(text: &str) -> bool {
    is_word(text) && (is_number(text) || !text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_public_id;

    #[test]
    fn ids_are_told_from_addresses() {
        for id in [
            "a/b",
            "_a/b_1",
            "fetchai/fipa:1.0.0",
            "a/b:any",
            "a/b:latest",
            "a/b:1.0.0-rc.1+x-1.y",
            "a/b:0.10.2",
        ] {
            assert!(is_public_id(id), "{id}");
        }
        for address in [
            "",
            "a",
            "/",
            "a/",
            "/b",
            "1a/b",
            "a/b:",
            "a/b:1",
            "a/b:1.0",
            "a/b:01.0.0",
            "a/b:1.0.0.0",
            "a/b:1.0.0-",
            "a/b:1.0.0-01",
            "a/b:1.0.0+",
            "a/b/c",
            "a b/c",
            "ä/b",
            "fetch1abc",
            "a/b:1.0.0:2",
        ] {
            assert!(!is_public_id(address), "{address}");
        }
        assert!(is_public_id(&format!("{}/b", "a".repeat(128))));
        assert!(!is_public_id(&format!("{}/b", "a".repeat(129))));
    }
}
