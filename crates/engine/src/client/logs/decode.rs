//! From the engine's multiplexed log stream to lines. Pure.
//!
//! A frame is: one byte for the stream, three zero bytes, four bytes of length, then `TIME DETAILS TEXT`. A line longer than
//! 16 KB comes as several frames, of which only the last ends in a line end. Containers with a terminal send text
//! without frames.

use std::collections::BTreeMap;

use crate::{Call, Error, LogLine, LogStream};

const HEADER: usize = 8;
/// The longest frame that is accepted; the engine cuts at 16 KB.
const LONGEST_FRAME: usize = 1 << 20;
/// The longest line that is put together from frames.
const LONGEST_LINE: usize = 8 << 20;

/// Decodes a log stream that comes in pieces.
#[derive(Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
    framed: Option<bool>,
    /// Lines whose end has not come yet, by task and stream.
    open: BTreeMap<(String, u8), LogLine>,
}

impl Decoder {
    /// Takes a piece and returns the lines that it completes.
    pub(super) fn feed(&mut self, call: &Call, bytes: &[u8]) -> Result<Vec<LogLine>, Error> {
        self.rest.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some((stream, payload)) = self.next_frame(call)? {
            lines.extend(self.line(stream, &payload));
        }
        Ok(lines)
    }

    /// The lines whose end never came.
    pub(super) fn finish(mut self) -> Vec<LogLine> {
        let mut lines: Vec<_> = std::mem::take(&mut self.open).into_values().collect();
        if self.framed == Some(false) && !self.rest.is_empty() {
            lines.push(parse(LogStream::Stdout, &self.rest));
        }
        lines
    }

    fn next_frame(&mut self, call: &Call) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let framed = match (self.framed, self.rest.get(..4)) {
            (Some(framed), _) => framed,
            (None, Some(start)) => *self.framed.insert(start[0] <= 3 && start[1..] == [0, 0, 0]),
            (None, None) => return Ok(None),
        };
        if !framed {
            let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
            return Ok(Some((1, self.rest.drain(..=end).collect())));
        }
        let Some(header) = self.rest.get(..HEADER) else { return Ok(None) };
        let stream = header[0];
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if stream > 3 || header[1..4] != [0, 0, 0] || length > LONGEST_FRAME {
            let reason = "a log frame with a senseless head".to_owned();
            return Err(Error::Protocol { what: call.what.clone(), reason });
        }
        if self.rest.len() < HEADER + length {
            return Ok(None);
        }
        let frame: Vec<u8> = self.rest.drain(..HEADER + length).collect();
        Ok(Some((stream, frame[HEADER..].to_vec())))
    }

    fn line(&mut self, stream: u8, payload: &[u8]) -> Option<LogLine> {
        let (text, ended) = match payload.strip_suffix(b"\n") {
            Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), true),
            None => (payload, false),
        };
        let part = parse(if stream == 2 { LogStream::Stderr } else { LogStream::Stdout }, text);
        let key = (part.task_id.clone(), stream);
        let line = match self.open.remove(&key) {
            Some(mut line) => {
                line.text.push_str(&part.text);
                line
            }
            None => part,
        };
        if ended || line.text.len() > LONGEST_LINE {
            return Some(line);
        }
        self.open.insert(key, line);
        None
    }
}

/// `TIME DETAILS TEXT`; whatever does not look like the first two is text.
fn parse(stream: LogStream, payload: &[u8]) -> LogLine {
    let payload = String::from_utf8_lossy(payload);
    let (time, rest) = match payload.split_once(' ') {
        Some((time, rest)) if is_timestamp(time) => (time, rest),
        _ => ("", payload.as_ref()),
    };
    let (task_id, text) = match rest.split_once(' ') {
        Some((details, text)) if !time.is_empty() => match task_in(details) {
            Some(task_id) => (task_id, text),
            None => ("", rest),
        },
        _ => ("", rest),
    };
    LogLine { stream, time: time.into(), task_id: task_id.into(), text: text.into() }
}

fn is_timestamp(text: &str) -> bool {
    text.len() >= 20 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T' && text.ends_with('Z')
}

/// The task's id among details such as `com.docker.swarm.node.id=n,com.docker.swarm.task.id=t`.
fn task_in(details: &str) -> Option<&str> {
    details.split(',').find_map(|detail| detail.strip_prefix("com.docker.swarm.task.id="))
}

#[cfg(test)]
mod tests {
    use super::{Decoder, LONGEST_FRAME};
    use crate::{Call, LogLine, LogStream};

    const TIME: &str = "2026-11-23T11:26:47.104502931Z";

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let payload = format!("{TIME} com.docker.swarm.node.id=n,com.docker.swarm.task.id=t{stream} {text}");
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload.as_bytes());
        frame
    }

    fn decode(bytes: &[u8], size: usize) -> Vec<LogLine> {
        let (mut decoder, call) = (Decoder::default(), Call::read("x"));
        let mut lines = Vec::new();
        for piece in bytes.chunks(size) {
            lines.extend(decoder.feed(&call, piece).unwrap());
        }
        lines.extend(decoder.finish());
        lines
    }

    #[test]
    fn frames_become_lines_wherever_the_pieces_end() {
        let bytes = [
            frame(1, "one\n"),
            frame(2, "two\r\n"),
            frame(1, "long "),
            frame(2, "\n"),
            frame(1, "line\n"),
            frame(1, "open"),
        ];
        let bytes = bytes.concat();
        for size in [1, 5, 8, 9, bytes.len()] {
            let lines = decode(&bytes, size);
            let texts: Vec<_> = lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
            let expected = [
                (LogStream::Stdout, "one"),
                (LogStream::Stderr, "two"),
                (LogStream::Stderr, ""),
                (LogStream::Stdout, "long line"),
                (LogStream::Stdout, "open"),
            ];
            assert_eq!(texts, expected, "{size}");
            assert_eq!((lines[0].time.as_str(), lines[0].task_id.as_str()), (TIME, "t1"));
        }
    }

    #[test]
    fn a_terminals_text_has_no_frames() {
        let lines =
            decode(format!("{TIME} com.docker.swarm.task.id=t hello\r\nplain words\nrest").as_bytes(), 3);
        let texts: Vec<_> = lines.iter().map(|line| (line.task_id.as_str(), line.text.as_str())).collect();
        assert_eq!(texts, [("t", "hello"), ("", "plain words"), ("", "rest")]);
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        let mut bytes = frame(1, "ab\n");
        let at = bytes.len() - 2;
        bytes[at] = 0xff;
        assert_eq!(decode(&bytes, 100)[0].text, "a\u{fffd}");
    }

    #[test]
    fn a_senseless_frame_is_an_error_and_not_a_huge_allocation() {
        let mut bytes = frame(1, "a\n");
        bytes.extend([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let mut decoder = Decoder::default();
        let error = decoder.feed(&Call::read("read the log"), &bytes).unwrap_err();
        assert!(error.to_string().contains("senseless"), "{error}");
        assert!(decoder.rest.len() < LONGEST_FRAME);
    }
}
