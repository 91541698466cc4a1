"""Speaks a transcript: writes the recording and the captions that belong to it, and says how long it is.

Usage: python tools/narrate.py courses/fractions/media/sharing-story.md

Every line of the transcript that is not in italics becomes one caption. Needs ``espeak-ng`` and ``opusenc``
(Debian packages espeak-ng and opus-tools); only authors need them, the recordings are part of the course.
"""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from pathlib import Path

VOICE = ["espeak-ng", "-v", "en-gb-x-rp", "-s", "135", "--stdout"]
ENCODER = ["opusenc", "--quiet", "--bitrate", "20", "--comp", "10", "--serial", "1", "-", "-"]
PAUSE_S = 0.6


def main(transcript: Path) -> None:
    spoken = [line for line in transcript.read_text().splitlines() if line and not line.startswith("*")]
    cues, sound, rate, at_s = ["WEBVTT"], b"", 0, PAUSE_S
    for line in spoken:
        frames, rate = _speak(line)
        pause = bytes(2 * int(rate * PAUSE_S))
        end_s = at_s + len(frames) / 2 / rate
        cues.append(f"{_stamp(at_s)} --> {_stamp(end_s)}\n{line}")
        sound += pause + frames
        at_s = end_s + PAUSE_S
    transcript.with_suffix(".vtt").write_text("\n\n".join(cues) + "\n")
    transcript.with_suffix(".ogg").write_bytes(_encoded(sound + bytes(2 * int(rate * PAUSE_S)), rate))
    print(f"duration_s: {at_s:.1f}")


def _speak(text: str) -> tuple[bytes, int]:
    """16-bit mono samples and their rate; the header's length is a dummy, the voice writes to a pipe."""
    said = subprocess.run([*VOICE, text], capture_output=True, check=True).stdout
    rate = int.from_bytes(said[24:28], "little")
    return said[said.index(b"data") + 8 :], rate


def _encoded(samples: bytes, rate: int) -> bytes:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(samples)
    return subprocess.run(ENCODER, input=packed.getvalue(), capture_output=True, check=True).stdout


def _stamp(at_s: float) -> str:
    minutes, seconds = divmod(at_s, 60)
    return f"{int(minutes):02}:{seconds:06.3f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
