#!/usr/bin/env python3
"""Runs a command on a terminal of its own, types, and shows the screen as a person sees it.

    terminal.py STEPS COMMAND [ARGUMENT..]

STEPS is a JSON list of pairs, done in turn: ["sees", TEXT] waits until a line on the screen contains the text, ["types", TEXT]
types it ("\\u0003" is Ctrl-C), ["looks", SECONDS] lets so much time pass and keeps the screen. Prints one JSON object: the exit
code, the screens that were kept, and the last one. A step that cannot be done within a minute ends the command and says so in
"missed".
"""
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from fcntl import ioctl

ROWS, COLUMNS = 40, 120
PATIENCE = 60
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Screen:
    """The lines that a terminal shows; it never forgets those that have scrolled away."""

    def __init__(self):
        self.lines, self.row, self.column, self.rest = [""], 0, 0, ""

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            character = text[at]
            if character == "\x1b":
                found = SEQUENCE.match(text, at)
                if not found:
                    self.rest = text[at:]
                    return
                self.control(found[1], found[2])
                at = found.end()
                continue
            at += 1
            if character == "\n":
                self.down(1)
            elif character == "\r":
                self.column = 0
            elif character >= " ":
                # The end of a full line is left with the next character only.
                if self.column == COLUMNS:
                    self.down(1)
                    self.column = 0
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
                self.column += 1

    def down(self, number):
        self.row += number
        self.lines.extend([""] * (self.row + 1 - len(self.lines)))

    def control(self, number, letter):
        count = int(number) if number.isdigit() else 1
        if letter != "m":
            self.column = min(self.column, COLUMNS - 1)
        if letter == "A":
            self.row = max(0, self.row - count)
        elif letter == "B":
            self.down(count)
        elif letter == "G":
            self.column = count - 1
        elif letter == "K":
            self.lines[self.row] = "" if number == "2" else self.lines[self.row][: self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


class Terminal:
    """A command on a terminal."""

    def __init__(self, command):
        self.screen, self.open = Screen(), True
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvp(command[0], command)

    def read(self, seconds):
        """Shows what comes within this time, or until something has come."""
        if not self.open:
            return
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            self.open = bool(data)
            self.screen.feed(data.decode(errors="replace"))

    def look(self, seconds, until=lambda: False):
        end = time.monotonic() + seconds
        while self.open and not until() and time.monotonic() < end:
            self.read(max(0.0, end - time.monotonic()))
        return until()


def main():
    terminal = Terminal(sys.argv[2:])
    screens, missed = [], None
    for action, what in json.loads(sys.argv[1]):
        if action == "types":
            os.write(terminal.master, what.encode())
        elif action == "looks":
            terminal.look(what)
            screens.append(terminal.screen.text())
        elif not terminal.look(PATIENCE, lambda: what in terminal.screen.text()):
            missed = what
            break
    if missed is None and not terminal.look(PATIENCE, lambda: not terminal.open):
        missed = "the end"
    if missed is not None:
        os.kill(terminal.pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
    print(json.dumps({"code": status, "missed": missed, "screens": screens, "end": terminal.screen.text()}))


main()
