"""The ports by which Flink speaks with Python, bound to loopback: one class of its jar is changed.

Flink has no setting for them. Its class asks for a server on a port alone, which is one on every
address of the machine, although the address that it has at hand is the loopback's. Here it asks for
one on that address. Where the class is not the one that is known, nothing is changed, and that is
an error: nobody is to find such a port open by surprise.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

from stream.records.errors import BadConfiguration

__all__ = ["bind_class", "bind_jar", "put_loopback"]

PATTERN: Final = "flink-python*.jar"
CLASS: Final = "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class"
BUILDER: Final = "/io/grpc/netty/NettyServerBuilder"
"""How the name of the class ends that makes servers; before it stands where Beam has it from."""
MAGIC: Final = b"\xca\xfe\xba\xbe"
SIZES: Final = {
    **dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4),
    **dict.fromkeys((5, 6), 8),
    **dict.fromkeys((7, 8, 16, 19, 20), 2),
    15: 3,
}
"""How many bytes a constant has behind its tag; texts (1) say so themselves."""
TEXT, LONG, DOUBLE, METHOD = 1, 5, 6, 10
NAME_AND_TYPE: Final = 12
CALL_OBJECT, CALL_STATIC, NOTHING = b"\xb6", b"\xb8", b"\x00"


class Constant(NamedTuple):
    """A constant of a class: its tag, where its content begins, and what that is."""

    tag: int
    place: int
    content: bytes


def put_loopback(opt: Path, target: Path) -> None:
    """Fill a directory with what is in Flink's ``opt``, with the jar of Python bound to loopback.

    Raises:
        BadConfiguration: the jar is not one that is known.
        OSError: something cannot be read or written.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(opt.iterdir()):
        place = target / path.name
        if path.match(PATTERN):
            beside = place.with_name(f"{place.name}.part")
            bind_jar(path, beside)
            beside.replace(place)
        elif not place.exists():
            place.symlink_to(path.resolve())


def bind_jar(jar: Path, target: Path) -> None:
    """Copy a jar; in the copy the class is changed, and what it was is in no directory any more.

    Raises:
        BadConfiguration: the class is not there, or is another one.
        OSError: something cannot be read or written.
    """
    shutil.copyfile(jar, target)
    try:
        with zipfile.ZipFile(target, "a") as files:
            known = files.getinfo(CLASS)
            content = files.read(known)
            changed = bind_class(content)
            if changed != content:
                files.filelist.remove(known)
                del files.NameToInfo[CLASS]
                made = zipfile.ZipInfo(CLASS, known.date_time)
                files.writestr(made, changed, zipfile.ZIP_DEFLATED)
    except (ValueError, struct.error, KeyError, IndexError, zipfile.BadZipFile):
        target.unlink()
        raise refusal(jar) from None


def refusal(jar: Path) -> BadConfiguration:
    """Say that a jar is not known, and how to go on with it as it is."""
    return BadConfiguration(
        f"{jar}: is of another Flink, whose ports for Python would be open on all addresses; "
        f"FLINK_OPT_DIR={jar.parent} takes it as it is"
    )


def bind_class(content: bytes) -> bytes:
    """Change ``forPort(address.getPort())`` to ``forAddress(address)``; once changed it stays so.

    Raises:
        ValueError: that call is not there exactly once.
    """
    constants, end = constants_of(content)
    calls = {
        number: name
        for number, constant in constants.items()
        if constant.tag == METHOD and (name := method_of(constants, constant))[0].endswith(BUILDER)
    }
    if any(name[1] == "forAddress" for name in calls.values()):
        return content
    ((number, (owner, _, _)),) = ((at, name) for at, name in calls.items() if name[1] == "forPort")
    code = CALL_STATIC + struct.pack(">H", number)
    if content.count(code) != 1:
        raise ValueError("the server is asked for in another way")
    call = content.index(code)
    if content[call - 3 : call - 2] != CALL_OBJECT:
        raise ValueError("the port is not the address's")
    asked = constants[struct.unpack_from(">H", content, call - 2)[0]]
    if method_of(constants, asked)[:2] != ("java/net/InetSocketAddress", "getPort"):
        raise ValueError("the port is not the address's")
    made = bytearray(content)
    made[call - 3 : call] = NOTHING * 3
    (count,) = struct.unpack_from(">H", content, 8)
    struct.pack_into(">H", made, 8, count + 3)
    struct.pack_into(">H", made, constants[number].place + 2, count + 2)
    texts = (b"forAddress", f"(Ljava/net/SocketAddress;)L{owner};".encode())
    added = b"".join(struct.pack(">BH", TEXT, len(text)) + text for text in texts)
    made[end:end] = added + struct.pack(">BHH", NAME_AND_TYPE, count, count + 1)
    return bytes(made)


def constants_of(content: bytes) -> tuple[dict[int, Constant], int]:
    """Read a class' constants, by number, and where they end.

    Raises:
        ValueError: it is no class, or has constants of a kind that is not known.
    """
    if content[:4] != MAGIC:
        raise ValueError("no class")
    (count,) = struct.unpack_from(">H", content, 8)
    found: dict[int, Constant] = {}
    place, number = 10, 1
    while number < count:
        tag, place = content[place], place + 1
        if tag == TEXT:
            (size,) = struct.unpack_from(">H", content, place)
            place += 2
        elif tag in SIZES:
            size = SIZES[tag]
        else:
            raise ValueError(f"an unknown constant {tag}")
        found[number] = Constant(tag, place, content[place : place + size])
        place += size
        number += 2 if tag in {LONG, DOUBLE} else 1
    return found, place


def method_of(constants: dict[int, Constant], method: Constant) -> tuple[str, str, str]:
    """Return a method's class, its name, and what it takes and returns."""
    owner, named = struct.unpack(">HH", method.content)
    name, takes = struct.unpack(">HH", constants[named].content)
    (class_name,) = struct.unpack(">H", constants[owner].content)
    owner_text, name_text, takes_text = (
        constants[one].content.decode() for one in (class_name, name, takes)
    )
    return owner_text, name_text, takes_text
