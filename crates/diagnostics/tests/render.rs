//! What a person sees, and what a machine gets.

use diagnostics::{Diagnostic, Severity, Source, Style};

#[test]
fn an_error_shows_file_line_column_the_source_line_and_what_to_do() {
    let source = Source::new("stack.yml", "services:\n  api:\n    imagee: web\n  db:\n    image: pg\n");
    let diagnostic = Diagnostic::error("stack-file/unknown-key", "service `api` has an unknown key `imagee`")
        .at(source.place(21..27))
        .related(source.place(40..45), "spelled right here")
        .help("did you mean `image`?");
    insta::assert_snapshot!(diagnostic.render(Style::Plain));
    assert_eq!(
        diagnostic.to_string(),
        "stack.yml:3:5: service `api` has an unknown key `imagee` (did you mean `image`?)"
    );
}

#[test]
fn a_place_outside_the_text_or_inside_a_character_is_moved_to_one_that_exists() {
    let source = Source::new("x", "aé");
    assert_eq!(source.place(2..99).range(), 1..3);
    assert_eq!(source.place(99..100).column(), 3);
}

#[test]
fn a_note_is_no_warning() {
    let source = Source::new("a.yml", "x: y\n");
    let note = Diagnostic::new(Severity::Note, "a/note", "good to know").at(source.place(0..1));
    assert!(note.render(Style::Plain).starts_with("note: good to know"));
    assert!(Severity::Note < Severity::Warning && Severity::Warning < Severity::Error);
}
