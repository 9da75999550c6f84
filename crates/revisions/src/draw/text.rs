//! The picture for a terminal.

use super::caption;
use super::lanes::{Row, rows};
use crate::History;

/// A history as lines of text, newest first, in the manner of `git log --graph`.
pub fn text(history: &History) -> String {
    let mut picture = String::new();
    let mut line = |text: String| {
        picture.push_str(text.trim_end());
        picture.push('\n');
    };
    let rows = rows(history);
    for (at, row) in rows.iter().enumerate() {
        let mut lanes = row.lanes_before;
        for &join in &row.joins {
            line(joining(lanes, row.lane, join));
            lanes -= 1;
        }
        line(format!("{} {}", marks(lanes, row.lane), caption(history, &history.revisions()[row.node])));
        for _ in 0..row.opens {
            line(opening(lanes, row.lane));
            lanes += 1;
        }
        if row.ends && row.lane + 1 < lanes {
            line(closing(lanes, row));
        }
        // A gap, where the next line would look like this one's parent.
        if row.ends && rows.get(at + 1).is_some_and(|next| next.begins && next.lane == row.lane) {
            line("| ".repeat(row.lane));
        }
    }
    picture
}

/// `| * |`
fn marks(lanes: usize, at: usize) -> String {
    (0..lanes).map(|lane| if lane == at { "* " } else { "| " }).collect::<String>().trim_end().to_owned()
}

/// `|_|/`: a lane runs into another one on its left; those right of it move up.
fn joining(lanes: usize, into: usize, lane: usize) -> String {
    let mut cells = vec![' '; lanes * 2];
    for at in 0..lane {
        cells[at * 2] = '|';
        if at > into {
            cells[at * 2 - 1] = '_';
        }
    }
    for at in lane..lanes {
        cells[at * 2 - 1] = '/';
    }
    cells.into_iter().collect()
}

/// `|\`: a lane opens; those right of it move on.
fn opening(lanes: usize, from: usize) -> String {
    let mut cells = vec![' '; lanes * 2 + 1];
    for at in 0..=from {
        cells[at * 2] = '|';
    }
    for at in from..lanes {
        cells[at * 2 + 1] = '\\';
    }
    cells.into_iter().collect()
}

/// A lane has ended: those right of it move up.
fn closing(lanes: usize, row: &Row) -> String {
    let mut cells = vec![' '; lanes * 2];
    for at in 0..row.lane {
        cells[at * 2] = '|';
    }
    for at in row.lane + 1..lanes {
        cells[at * 2 - 1] = '/';
    }
    cells.into_iter().collect()
}
