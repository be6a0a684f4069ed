"""The class of Flink's jar that is changed: in a stand-in for it, and in nothing that is unlike."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from stream.engines.flink.loopback import CLASS, bind_class, constants_of, put_loopback
from stream.records.errors import BadConfiguration

NETTY = "org/apache/beam/vendor/grpc/v1/io/grpc/netty/NettyServerBuilder"
PORT = f"(I)L{NETTY};"
ADDRESS = f"(Ljava/net/SocketAddress;)L{NETTY};"
CODE = struct.pack(">BBHBHB", 0x2B, 0xB6, 6, 0xB8, 12, 0xB0)
"""``return forPort(address.getPort())``, where 6 and 12 are the methods' numbers."""


def text(words: str) -> bytes:
    """Make a constant that is a text."""
    return struct.pack(">BH", 1, len(words)) + words.encode()


def made(name: str = "forPort", asked: str = "getPort", code: bytes = CODE) -> bytes:
    """Make what there is of a class: its head, constants of all sizes, and some code."""
    pair, owner = struct.Struct(">BHH"), struct.Struct(">BH")
    constants = [
        text("java/net/InetSocketAddress"),
        owner.pack(7, 1),
        text(asked),
        text("()I"),
        pair.pack(12, 3, 4),
        pair.pack(10, 2, 5),
        text(NETTY),
        owner.pack(7, 7),
        text(name),
        text(PORT),
        pair.pack(12, 9, 10),
        pair.pack(10, 8, 11),
        struct.pack(">Bq", 5, 19),
        b"",  # a long counts twice
        struct.pack(">BBH", 15, 6, 6),
    ]
    head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 52, len(constants) + 1)
    return head + b"".join(constants) + b"before" + code + b"after"


def jar_of(place: Path, content: bytes, name: str = CLASS) -> Path:
    """Make a directory with a jar that has a class, and a file beside it."""
    place.mkdir()
    with zipfile.ZipFile(place / "flink-python-9.jar", "w") as files:
        files.writestr("other", "x" * 1000)
        files.writestr(name, content)
    (place / "flink-sql-client.jar").write_text("beside", "utf-8")
    return place


def test_a_server_is_asked_for_on_its_address() -> None:
    """The port is not taken from the address any more, and the same builder gets the address."""
    changed = bind_class(made())
    before, (after, end) = constants_of(made())[0], constants_of(changed)
    assert len(after) == len(before) + 3
    names = [constant.content.decode() for constant in list(after.values())[-3:-1]]
    assert names == ["forAddress", ADDRESS]
    assert struct.unpack(">HH", after[12].content) == (8, max(after))
    assert struct.unpack(">HH", after[max(after)].content) == (16, 17)
    rest = b"before" + CODE[:1] + bytes(3) + CODE[4:] + b"after"
    assert changed[end:] == rest
    assert {number: after[number].content for number in before if number != 12} == {
        number: constant.content for number, constant in before.items() if number != 12
    }
    assert bind_class(changed) == changed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no class at all",
        made(name="forSocket"),
        made(asked="getOffset"),
        made(code=CODE + CODE),
        made(code=b""),
        made()[:60],
        made().replace(struct.pack(">Bq", 5, 19), struct.pack(">Bq", 99, 19)),
    ],
    ids=["empty", "text", "method", "asked", "twice", "none", "cut", "constant"],
)
def test_a_class_that_is_not_known_is_refused(content: bytes, tmp_path: Path) -> None:
    """Ports are not left open in silence: one line names the jar, and how to take it as it is."""
    opt = jar_of(tmp_path / "opt", content)
    with pytest.raises(BadConfiguration, match=r"flink-python-9\.jar: .*FLINK_OPT_DIR=") as found:
        put_loopback(opt, tmp_path / "made")
    assert "\n" not in str(found.value)
    assert not (tmp_path / "made" / "flink-python-9.jar").exists()


def test_a_jar_without_the_class_is_refused(tmp_path: Path) -> None:
    """It is of a Flink that has another way to speak with Python."""
    with pytest.raises(BadConfiguration):
        put_loopback(jar_of(tmp_path / "opt", made(), "Other.class"), tmp_path / "made")


def test_a_jar_is_copied_with_the_class_changed(tmp_path: Path) -> None:
    """The copy has each file once and is whole, the first is left alone, others are linked."""
    opt = jar_of(tmp_path / "opt", made())
    before = (opt / "flink-python-9.jar").read_bytes()
    put_loopback(opt, tmp_path / "made")
    put_loopback(tmp_path / "made", tmp_path / "made")
    assert (opt / "flink-python-9.jar").read_bytes() == before
    with zipfile.ZipFile(tmp_path / "made" / "flink-python-9.jar") as files:
        assert sorted(files.namelist()) == sorted(["other", CLASS])
        assert files.testzip() is None
        assert files.read(CLASS) == bind_class(made())
    assert (tmp_path / "made" / "flink-sql-client.jar").read_text("utf-8") == "beside"
    assert len(list((tmp_path / "made").iterdir())) == 2
