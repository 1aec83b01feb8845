"""What segments are made of: the names, kinds and lengths of their elements, as far as orders need them.

One entry for each segment, continued where indented: tag, name, then its elements as ``name:kind`` with the kind as X12
writes it (AN text, ID code, N0 whole number, N2 cents, R decimal, DT date, TM time), its lengths, and ``!`` where it must
be there. ``…`` repeats the last two. Lengths are the wider of 4010's and 5010's, so that neither is faulted for the other.
"""

from __future__ import annotations

import msgspec


class Element(msgspec.Struct, frozen=True):
    """One element of a segment."""

    name: str
    kind: str
    least: int
    most: int
    required: bool = False


class SegmentKind(msgspec.Struct, frozen=True):
    """A segment: its name and its elements; ``open``: the last two repeat."""

    tag: str
    name: str
    elements: tuple[Element, ...]
    open: bool = False

    def element(self, number: int) -> Element | None:
        """The element of this number, from 1; None where we know nothing of it."""
        if number <= len(self.elements):
            return self.elements[number - 1]
        if self.open:
            return self.elements[-2 if (number - len(self.elements)) % 2 else -1]
        return None


_TABLE = """
ISA|Interchange control header|authorization qualifier:ID2-2!;authorization:AN10-10;security qualifier:ID2-2!;
  security:AN10-10;sender qualifier:ID2-2!;sender:AN1-15!;receiver qualifier:ID2-2!;receiver:AN1-15!;date:DT6-6!;
  time:TM4-4!;repetition separator:AN1-1;version:ID5-5!;control number:N0 1-9!;acknowledgement wanted:ID1-1;
  usage:ID1-1!;component separator:AN1-1
GS|Functional group header|functional identifier:ID2-2!;sender:AN1-15!;receiver:AN1-15!;date:DT6-8!;time:TM4-8!;
  control number:N0 1-9!;agency:ID1-2!;version:AN1-12!
ST|Transaction set header|set:ID3-3!;control number:AN1-9!;implementation:AN1-35
SE|Transaction set trailer|segments:N0 1-10!;control number:AN1-9!
GE|Functional group trailer|sets:N0 1-6!;control number:N0 1-9!
IEA|Interchange control trailer|groups:N0 1-5!;control number:N0 1-9!
TA1|Interchange acknowledgement|control number:N0 1-9!;date:DT6-6!;time:TM4-4!;code:ID1-1!;note:ID3-3!
AK1|Acknowledged group|functional identifier:ID2-2!;control number:N0 1-9!;version:AN1-12
AK2|Acknowledged set|set:ID3-3!;control number:AN1-9!;implementation:AN1-35
AK3|Segment in error|segment:ID2-3!;position:N0 1-10!;loop:AN1-6;code:ID1-3
AK4|Element in error|position:AN1-9!;reference:N0 1-4;code:ID1-3!;copy of the bad value:AN1-99
AK5|Answer to the set|code:ID1-1!;error:ID1-3;error:ID1-3;error:ID1-3;error:ID1-3;error:ID1-3
AK9|Answer to the group|code:ID1-1!;sets sent:N0 1-6!;sets received:N0 1-6!;sets accepted:N0 1-6!;error:ID1-3;
  error:ID1-3;error:ID1-3;error:ID1-3;error:ID1-3
BEG|Beginning of the purchase order|purpose:ID2-2!;order type:ID2-2!;purchase order number:AN1-22!;release:AN1-30;
  date:DT8-8!;contract:AN1-30;acknowledgement type:ID2-2
BCH|Beginning of the purchase order change|purpose:ID2-2!;order type:ID2-2!;purchase order number:AN1-22!;
  release:AN1-30;change number:AN1-8;date:DT8-8!;request reference:AN1-45;contract:AN1-30;reference:AN1-50;
  acknowledgement type:ID2-2;change date:DT8-8
BAK|Beginning of the order acknowledgement|purpose:ID2-2!;acknowledgement type:ID2-2!;purchase order number:AN1-22!;
  date:DT8-8!;release:AN1-30;request reference:AN1-45;contract:AN1-30;supplier's order number:AN1-50;
  acknowledgement date:DT8-8
BCA|Beginning of the change acknowledgement|purpose:ID2-2!;acknowledgement type:ID2-2!;purchase order number:AN1-22!;
  release:AN1-30;change number:AN1-8;date:DT8-8!;request reference:AN1-45;contract:AN1-30;
  supplier's order number:AN1-50;date:DT8-8;date:DT8-8
BSN|Beginning of the ship notice|purpose:ID2-2!;shipment:AN2-30!;date:DT8-8!;time:TM4-8!;structure:ID4-4
BIG|Beginning of the invoice|invoice date:DT8-8!;invoice number:AN1-22!;order date:DT8-8;purchase order number:AN1-22;
  release:AN1-30;change number:AN1-8;type:ID2-2
BIA|Beginning of the inventory advice|purpose:ID2-2!;report type:ID2-2!;reference:AN1-50!;date:DT8-8!;time:TM4-8;
  action:ID1-2
CUR|Currency|whose:ID2-3!;currency:ID3-3!;rate:R4-10
REF|Reference|qualifier:ID2-3!;value:AN1-50;description:AN1-80
PER|Contact|function:ID2-2!;name:AN1-60;qualifier:ID2-2;number:AN1-256;qualifier:ID2-2;number:AN1-256;qualifier:ID2-2;
  number:AN1-256
DTM|Date|qualifier:ID3-3!;date:DT8-8;time:TM4-8;zone:ID2-2;period format:ID2-3;period:AN1-35
N9|Reference|qualifier:ID2-3!;value:AN1-50;description:AN1-45
MSG|Message|text:AN1-264!;printer control:ID2-2
NTE|Note|qualifier:ID3-3;text:AN1-80!
N1|Party|role:ID2-3!;name:AN1-60;id qualifier:ID1-2;id:AN2-80
N2|Party's further name|name:AN1-60!;name:AN1-60
N3|Party's street|address:AN1-55!;address:AN1-55
N4|Party's place|city:AN2-30;region:ID2-2;postal code:ID3-15;country:ID2-3;region qualifier:ID1-2;region:AN1-30;
  subdivision:ID1-3
PO1|Order line|line:AN1-20;quantity:R1-15;unit:ID2-2;price:R1-17;price basis:ID2-2;qualifier:ID2-2;item:AN1-48…
POC|Order line change|line:AN1-20;change:ID2-2!;quantity:R1-15;quantity left to receive:R1-9;unit:ID2-2;price:R1-17;
  price basis:ID2-2;qualifier:ID2-2;item:AN1-48…
IT1|Invoiced line|line:AN1-20;quantity:R1-15;unit:ID2-2;price:R1-17;price basis:ID2-2;qualifier:ID2-2;item:AN1-48…
LIN|Item|line:AN1-20;qualifier:ID2-2!;item:AN1-48!…
SLN|Item within the line|line:AN1-20!;line:AN1-20;relation:ID1-1!;quantity:R1-15;unit:ID2-2;price:R1-17;
  price basis:ID1-2;relation:ID1-1;qualifier:ID2-2;item:AN1-48…
ACK|Answer to the line|status:ID2-2!;quantity:R1-15;unit:ID2-2;date qualifier:ID3-3;date:DT8-8;reference:AN1-45;
  qualifier:ID2-2;item:AN1-48…
SCH|Line schedule|quantity:R1-15!;unit:ID2-2!;role:ID2-3;name:AN1-60;date qualifier:ID3-3!;date:DT8-8!
PID|Description|kind:ID1-1!;characteristic:ID2-3;agency:ID2-2;code:AN1-12;description:AN1-80
PO4|Packing|pack:N0 1-6;size:R1-8;unit:ID2-2;packaging:AN3-5;weight qualifier:ID1-2;weight:R1-9;unit:ID2-2
CTP|Price|trade class:ID2-2;price code:ID3-3;price:R1-17;quantity:R1-15
QTY|Quantity|qualifier:ID2-2!;quantity:R1-15;unit:AN1-80
SN1|Shipped quantity|line:AN1-20;quantity:R1-10!;unit:ID2-2!;shipped to date:R1-15;ordered:R1-15;unit:ID2-2;
  container:ID1-10;status:ID2-2
SDQ|Quantities by destination|unit:ID2-2!;id qualifier:ID1-2;id:AN2-80;quantity:R1-15
HL|Level|id:AN1-12!;parent:AN1-12;level:ID1-2!;has children:ID1-1
PRF|Order reference|purchase order number:AN1-22!;release:AN1-30;change number:AN1-8;date:DT8-8
TD1|Packages|packaging:AN3-5;count:N0 1-7;commodity qualifier:ID1-1;commodity:AN1-30;description:AN1-50;
  weight qualifier:ID1-2;weight:R1-10;unit:ID2-2
TD3|Equipment|kind:ID2-2;initial:AN1-4;number:AN1-15;weight qualifier:ID1-2;weight:R1-10;unit:ID2-2;ownership:ID1-1;
  seal status:ID2-2;seal:AN2-15
TD4|Handling|handling:ID2-3;hazard qualifier:ID1-1;hazard:AN1-10;description:AN1-80
TD5|Carrier|sequence:ID1-2;id qualifier:ID1-2;carrier:AN2-80;method:ID1-2;routing:AN1-35;status:ID2-2;
  location qualifier:ID1-2;location:AN1-30;direction:ID2-2;time qualifier:ID2-2;time:R1-4;service level:ID2-2
MAN|Marks on the package|qualifier:ID1-2!;mark:AN1-48!;mark:AN1-48;qualifier:ID1-2;mark:AN1-48;mark:AN1-48
FOB|Terms of freight|payer:ID2-2!;location qualifier:ID1-2;description:AN1-80
ITD|Terms of payment|type:ID2-2;basis:ID1-2;discount percent:R1-6;discount due:DT8-8;discount days:N0 1-3;
  net due:DT8-8;net days:N0 1-3;discount amount:N2 1-10
SAC|Allowance or charge|indicator:ID1-1!;code:ID4-4;agency:ID2-2;agency code:AN1-10;amount:N2 1-15;
  percent qualifier:ID1-1;percent:R1-6
TXI|Tax|type:ID2-2!;amount:R1-18;percent:R1-10
TDS|Invoice total|total:N2 1-15!;subject to discount:N2 1-15;discounted:N2 1-15;discount:N2 1-15
CAD|Carrier|method:ID1-2;equipment initial:AN1-4;equipment number:AN1-15;carrier:ID2-4;routing:AN1-35
ISS|Invoice shipment|units:R1-10;unit:ID2-2;weight:R1-10;unit:ID2-2
AMT|Amount|qualifier:ID1-3!;amount:R1-18!
CTT|Totals|lines:N0 1-6!;hash total:R1-10
"""  # fmt: skip


def _element(text: str) -> Element:
    name, _, kind = text.rpartition(":")
    required = kind.endswith("!")
    kind = kind.rstrip("!").replace(" ", "")
    lengths = kind[2:] if kind[0] != "R" else kind[1:]
    least, _, most = lengths.partition("-")
    return Element(name, "R" if kind[0] == "R" else kind[:2], int(least), int(most), required)


def _segment(line: str) -> SegmentKind:
    tag, name, elements = line.split("|")
    return SegmentKind(
        tag, name, tuple(_element(e) for e in elements.rstrip("…").split(";")), open=elements.endswith("…")
    )


SEGMENTS: dict[str, SegmentKind] = {
    kind.tag: kind for kind in map(_segment, _TABLE.strip().replace("\n  ", "").splitlines())
}
SETS: dict[str, str] = {
    "810": "invoice", "820": "remittance advice", "832": "price catalogue", "846": "inventory advice",
    "850": "purchase order", "855": "purchase order acknowledgement", "856": "ship notice", "860": "purchase order change",
    "864": "text message", "865": "purchase order change acknowledgement", "997": "functional acknowledgement",
    "999": "implementation acknowledgement",
}  # fmt: skip
GROUPS: dict[str, str] = {
    "810": "IN", "846": "IB", "850": "PO", "855": "PR", "856": "SH", "860": "PC", "865": "CA", "997": "FA",
}  # fmt: skip
"""The functional identifier each set travels under."""
