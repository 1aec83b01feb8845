"""X12 as bytes: what real files do to envelopes is told apart, noted at its exact place, and loses no content."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.x12.reading import read
from engine.domain.x12.receipt import receipts
from engine.domain.x12.scan import ISA_WIDTHS, File, dump, scan
from engine.domain.x12.words import explain
from engine.errors import Unreadable
from tests.support.counting import calls

NOTICE = (
    "ISA*00*          *00*          *ZZ*MOCKEDI        *ZZ*ACME           *261128*1610*U*00401*000000003*0*T*>~"
    "GS*SH*MOCKEDI*ACME*20261128*1610*3*X*004010~ST*856*0003~BSN*00*SHP2*20261128*1610*0004~HL*1**S*1~"
    "TD5**2*UPSN*M*United Parcel Service~REF*CN*1Z999AA1008000002~DTM*011*20261128~HL*2*1*O*1~PRF*1001-1***20261101~"
    "HL*3*2*I*0~LIN*1*VP*WIDGET-001~SN1*1*10*EA~CTT*3~SE*13*0003~GE*1*3~IEA*1*000000003~"
)


def texts(file: File) -> list[str]:
    return [str(finding) for finding in file.all_findings()]


def contents(body: bytes | str) -> list[list[tuple[str, ...]]]:
    """The segments of each set, without ST and SE."""
    return [
        [segment.elements for segment in item.segments[1:-1]]
        for interchange in scan(body).interchanges
        for group in interchange.groups
        for item in group.sets
    ]


PLAIN = contents(NOTICE)


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff" + NOTICE,
        NOTICE.replace("~", "~\r\n"),
        NOTICE.replace("~", "\r\n"),
        NOTICE.replace("~", "\n"),
        NOTICE.replace("~", "  \r\n      "),
        NOTICE.replace("~", "\x85").encode("latin-1"),
        NOTICE.replace("~", "\x85").encode(),
        NOTICE.replace("*", "|").replace("~", "'").replace(">", ":"),
        NOTICE.replace("~", "\x1c").replace("*", "\x1d"),
        NOTICE.encode("utf-16"),
        "\n\n" + NOTICE + "\x1a\n\x00",
        "\n".join(NOTICE[at : at + 80] for at in range(0, len(NOTICE), 80)),  # wrapped at a column
        "*".join(field.strip() for field in NOTICE[:106].split("*")) + NOTICE[106:],  # an ISA without its blanks
        NOTICE.replace("*T*>~", "*T*~", 1),  # ISA16 left out
        NOTICE.replace("~", "~~"),
    ],
    ids=lambda body: str(len(body)),
)
def test_the_same_content_is_found_however_it_is_written(body: bytes | str) -> None:
    assert contents(body) == PLAIN
    assert texts(scan(body)) == []


def test_interchanges_with_different_delimiters_lie_in_one_file() -> None:
    other = NOTICE.replace("*", "^").replace("~", "\n")
    file = scan(NOTICE + "\n" + other + "\r\n" + NOTICE.replace("~", "!"))
    assert [interchange.delimiters.element for interchange in file.interchanges] == ["*", "^", "*"]
    assert [len(i.groups[0].sets[0].segments) for i in file.interchanges] == [13, 13, 13]
    assert texts(file) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SE*13*", "SE*14*", "856 0003, segment 13 (SE), character {SE}: it says 14 segments, and there are 13"),
        ("SE*13*0003", "SE*13*0004", "its control number is 0004, and ST02 is 0003"),
        ("GE*1*", "GE*2*", "group 3, GE, character {GE}: it says 2 transaction sets, and there are 1"),
        (
            "IEA*1*000000003",
            "IEA*0*000000003",
            "interchange 000000003, IEA, character {IEA}: it says 0 groups, and there are 1",
        ),
        ("IEA*1*000000003", "IEA*1*000000009", "its control number is 000000009, and ISA13 is 000000003"),
    ],
)
def test_a_wrong_count_is_noted_at_its_place_and_loses_nothing(old: str, new: str, said: str) -> None:
    body = NOTICE.replace(old, new)
    (found,) = scan(body).all_findings()
    assert found.level == "note"
    places = {tag: NOTICE.index(f"~{tag}*") + 2 for tag in ("SE", "GE", "IEA")}
    assert said.format(**places) in str(found)
    assert contents(body) == PLAIN
    assert read(scan(body).interchanges[0].groups[0].sets[0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (NOTICE[:300], "856 0003, segment 8 (PRF), character 293: the set ends here without its SE"),
        (NOTICE[: NOTICE.index("GE*")], "group 3, GS, character 107: the group ends without its GE"),
        (
            NOTICE[: NOTICE.index("IEA")],
            "interchange 000000003, ISA, character 1: the interchange ends without its IEA",
        ),
        (NOTICE[:60], "ISA, character 1: the ISA has only 8 of its 16 elements"),
        ("hello", "character 1: this is in no interchange, which would begin with ISA: 'hello'"),
        (NOTICE + "rest", "what is left of the file is in no interchange, which would begin with ISA: 'rest'"),
        ("", "the file is empty"),
        (NOTICE.replace("~ST*", "~REF*XX~ST*"), "'REF' stands outside of any transaction set"),
        (NOTICE.replace("~HL*2", "~hello*2"), "segment 7 (hello), character 282: 'hello' is no segment"),
    ],
    ids=lambda text: str(len(text)),
)
def test_what_is_missing_or_damaged_is_an_error_with_its_place(body: str, said: str) -> None:
    errors = [str(finding) for finding in scan(body).all_findings() if finding.level == "error"]
    assert any(said in error for error in errors), errors


def test_what_is_done_grows_with_length_and_ten_megabytes_are_read() -> None:
    small, large = (calls(lambda count=count: scan(NOTICE * count)) for count in (40, 160))  # type: ignore[misc]
    assert 3.9 * small < large < 4.1 * small
    ten_megabytes = 10_000_000 // len(NOTICE)
    # Seconds; what would copy the rest at each segment takes hours, and runs into the suite's limit.
    assert len(scan(NOTICE * ten_megabytes).interchanges) == ten_megabytes


# --- property and fuzz ------------------------------------------------------------------------------------------------

_FIELD = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="*~>\x7f\x85\xa0\xad"), max_size=12
)
_TAGS = st.sampled_from(["BAK", "PO1", "ACK", "REF", "N1", "DTM", "HL", "SN1", "LIN", "ZZZ", "QTY", "AK2", "AK5"])
_SEGMENT = st.tuples(_TAGS, st.lists(_FIELD, max_size=6)).map(lambda s: "*".join([s[0], *s[1]]))
_SET = st.tuples(
    st.sampled_from(["850", "855", "856", "810", "846", "865", "860", "997", "999"]), st.lists(_SEGMENT, max_size=8)
)


def _envelope(sets: list[tuple[str, list[str]]], padded: bool) -> str:
    fields = ["00", "", "00", "", "ZZ", "A", "ZZ", "B", "260101", "1200", "U", "00401", "000000001", "0", "P", ">"]
    if padded:
        fields = [value.ljust(width) for value, width in zip(fields, ISA_WIDTHS, strict=True)]
    body = ["*".join(["ISA", *fields]), "GS*PR*A*B*20260101*1200*1*X*004010"]
    for number, (code, segments) in enumerate(sets):
        body += [f"ST*{code}*{number}", *segments, f"SE*{len(segments) + 2}*{number}"]
    return "~".join([*body, f"GE*{len(sets)}*1", "IEA*1*000000001"]) + "~"


@given(st.lists(_SET, max_size=4), st.booleans(), st.sampled_from(["", "\n", "\r\n"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_writing_what_was_read_is_stable(sets: list[tuple[str, list[str]]], padded: bool, newline: str) -> None:
    text = _envelope(sets, padded)
    once = dump(scan(text), newline=newline)
    assert dump(scan(once), newline=newline) == once
    assert contents(once) == contents(text)
    assert len(contents(text)) == len(sets)


def damaged(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A file with a few bytes changed, cut, doubled or swapped, or taken from another."""
    body = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(body) + 1)
        step = rng.randrange(6)
        if step == 0:
            body[at : at + rng.randint(1, 8)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 4)))
        elif step == 1:
            del body[at:]
        elif step == 2:
            to = min(len(body), at + rng.randint(1, 200))
            body[at:at] = body[at:to]
        elif step == 3 and body:
            body[at % len(body)] = rng.choice(b"*~>\n\r|ISAGSTE0123456789^:\x85\xff")
        elif step == 4:
            other = rng.choice(seeds)
            start = rng.randrange(len(other))
            body[at:at] = other[start : start + rng.randint(1, 300)]
        else:
            del body[at : at + rng.randint(1, 60)]
        if not body:
            body = bytearray(b"ISA")
    return bytes(body)


def chew(body: bytes) -> int:
    """The file goes through all that reads it; how many sets were read. Raises whatever is not an error of ours."""
    file = scan(body)
    count = 0
    for interchange in file.interchanges:
        list(receipts(interchange))
        for item in (item for group in interchange.groups for item in group.sets):
            try:
                read(item)
                count += 1
            except Unreadable:
                continue
    list(explain(scan(body)))
    once = dump(file)
    assert dump(scan(once)) == once
    return count


SEEDS = [
    NOTICE.encode(),
    NOTICE.replace("~", "\n").replace("*", "|").encode(),
    (
        NOTICE[:106]
        + "GS*PR*A*B*20260101*1200*1*X*005010~ST*855*1~BAK*00*AC*1001-1*20260101****77*20260101~N1*ST*A B~N4*X*OH*1~"
        "PO1*1*10*EA*12.5**VP*W~ACK*IQ*8*EA*067*20260101~ACK*IB*2~PID*F****Blue~CTT*1~SE*10*1~ST*865*2~BCA*00*RD*9***20260101~"
        "POC*1*CA*1**EA*1**VP*W~ACK*IR*0*EA~SE*5*2~GE*2*1~GS*IN*A*B*20260101*1200*2*X*004010~ST*810*3~BIG*20260101*I1**1001-1~"
        "IT1*1*10*EA*1.5**VP*W~TDS*1500~SE*5*3~GE*1*2~GS*IB*A*B*20260101*1200*3*X*004010~ST*846*4~BIA*00*DD*1*20260101~LIN*1*VP*W~"
        "CTP**CON*1.5~QTY*33*7*EA~SE*6*4~GE*1*3~GS*FA*A*B*20260101*1200*4*X*004010~ST*997*5~AK1*PO*1~AK2*850*1~AK3*N4*8**8~"
        "AK4*2*156*7*XX~AK5*E*5~AK9*E*1*1*1~SE*8*5~GE*1*4~IEA*4*000000003~"
    ).encode(),
]


def test_damaged_files_end_in_our_errors() -> None:
    rng = random.Random(11)
    read_all = sum(chew(damaged(rng, SEEDS)) for _ in range(1500))
    assert read_all > 300  # what damage leaves whole is still read
