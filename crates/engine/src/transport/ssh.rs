//! A connection through the system's `ssh` and `docker system dial-stdio` on the far side, as the stock client does
//! (docker/cli, connhelper). ssh's own configuration, keys and agent apply; it never asks for a password.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Remarks, ended};

/// The command that reaches an engine through ssh.
pub(super) fn command(host: &str, user: Option<&str>, port: Option<u16>, socket: Option<&str>) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-T"]);
    if let Some(user) = user {
        command.args(["-l", user]);
    }
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", host, "docker"]);
    if let Some(socket) = socket {
        command.arg(format!("--host=unix://{}", quoted(socket)));
    }
    command.args(["system", "dial-stdio"]);
    command
}

/// A word as the far side's shell takes it literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A child process whose standard input and output are one stream. Dropping it ends the process.
pub(super) struct Pipe {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Pipe {
    /// Starts the command and keeps what it says on standard error.
    pub(super) fn start(mut command: Command, remarks: &Remarks) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let taken = || ended("the process has no pipes");
        let input = child.stdin.take().ok_or_else(taken)?;
        let output = child.stdout.take().ok_or_else(taken)?;
        let errors = child.stderr.take().ok_or_else(taken)?;
        let remarks = remarks.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                remarks.add(&line);
            }
        });
        Ok(Self { _child: child, input, output })
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    fn line(host: &str, user: Option<&str>, port: Option<u16>, socket: Option<&str>) -> String {
        let command = command(host, user, port, socket);
        let arguments = command.as_std().get_args().map(|argument| argument.to_str().unwrap());
        arguments.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_command_is_the_stock_clients() {
        let plain = "-o BatchMode=yes -o ConnectTimeout=30 -T -- box docker system dial-stdio";
        assert_eq!(line("box", None, None, None), plain);
        let full = "-o BatchMode=yes -o ConnectTimeout=30 -T -l ada -p 2222 -- box docker --host=unix://'/run/a b' system dial-stdio";
        assert_eq!(line("box", Some("ada"), Some(2222), Some("/run/a b")), full);
    }

    #[test]
    fn a_socket_path_cannot_break_out_of_its_quotes() {
        assert!(line("box", None, None, Some("/x'; reboot; '")).contains(r"'/x'\''; reboot; '\'''"));
    }
}
