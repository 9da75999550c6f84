//! Names of new files: the slug of a message, and Python's `%` formatting (alembic, script/base.py, `_rev_path`).

use jiff::Zoned;

/// The words of a message, joined by underscores, no longer than `longest` characters plus one.
pub(super) fn slug(message: &str, longest: usize) -> String {
    let words: Vec<&str> =
        message.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let slug = words.join("_").to_lowercase();
    if slug.chars().count() <= longest {
        return slug;
    }
    let cut: String = slug.chars().take(longest).collect();
    format!("{}_", cut.rsplit_once('_').map_or(cut.as_str(), |(whole_words, _)| whole_words))
}

/// Fills in a file template; nothing when it asks for an unknown value or is not well formed.
pub(super) fn file_name(template: &str, id: &str, slug: &str, created: &Zoned) -> Option<String> {
    let mut name = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            name.push('%');
            rest = after;
            continue;
        }
        let (key, after) = rest.strip_prefix('(')?.split_once(')')?;
        let end = after.find(|c: char| c.is_ascii_alphabetic())?;
        let (width, after) = after.split_at(end);
        let width: usize = match width.trim_start_matches(['.', '0']) {
            "" => 0,
            digits => digits.parse().ok().filter(|width| *width <= 64)?,
        };
        rest = after.strip_prefix(['d', 's'])?;
        match key {
            "rev" => name.push_str(id),
            "slug" => name.push_str(slug),
            key => name.push_str(&format!("{:0width$}", number(key, created)?)),
        }
    }
    name.push_str(rest);
    Some(name)
}

fn number(key: &str, created: &Zoned) -> Option<i64> {
    Some(match key {
        "epoch" => created.timestamp().as_second(),
        "year" => created.year().into(),
        "month" => created.month().into(),
        "day" => created.day().into(),
        "hour" => created.hour().into(),
        "minute" => created.minute().into(),
        "second" => created.second().into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{file_name, slug};

    #[test]
    fn slugs_are_cut_at_a_word() {
        assert_eq!(slug("Merge the \"two\" heads\nand more", 40), "merge_the_two_heads_and_more");
        let long = "left Branch, with commas & a very long message that needs to be cut somewhere";
        assert_eq!(slug(long, 40), "left_branch_with_commas_a_very_long_");
        assert_eq!(slug("abcdefgh", 4), "abcd_");
        assert_eq!(slug("", 40), "");
    }

    #[test]
    fn file_templates_are_filled_in_as_python_does() {
        let created = "2026-03-04T05:06:07[UTC]".parse().unwrap();
        let name = |template| file_name(template, "a1", "slug", &created);
        assert_eq!(name("%(rev)s_%(slug)s").as_deref(), Some("a1_slug"));
        let dated = "%(year)d_%(month).2d_%(day)02d/%(hour).2d%(minute).2d%(second).2d_%(rev)s%%";
        assert_eq!(name(dated).as_deref(), Some("2026_03_04/050607_a1%"));
        assert_eq!(name("%(epoch)s").as_deref(), Some("1772600767"));
        for wrong in ["%(unknown)s", "%(rev", "%s", "%(rev)x", "%(year).99999999999d"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }
}
