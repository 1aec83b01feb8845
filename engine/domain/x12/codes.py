"""The code lists of X12 that decide something here, in words. A code that is not in its list is never taken for another."""

from __future__ import annotations

from enum import StrEnum


class Answer(StrEnum):
    """What a supplier's answer to a line comes down to."""

    ACCEPTED = "accepted"
    CHANGED = "changed"  # it ships, and something about it is not as ordered
    HELD = "held"  # it neither ships nor is refused yet
    BACKORDERED = "backordered"
    PARTLY = "partly"  # what is accepted ships, the rest is backordered
    REJECTED = "rejected"
    DELETED = "deleted"


A = Answer
LINE_STATUS: dict[str, tuple[Answer, str]] = {  # data element 668
    "AA": (A.ACCEPTED, "accepted, forwarded to another location"),
    "AC": (A.ACCEPTED, "accepted and shipped"),
    "AR": (A.ACCEPTED, "accepted and released for shipment"),
    "BP": (A.PARTLY, "accepted in part, the balance backordered"),
    "DR": (A.ACCEPTED, "accepted, date rescheduled"),
    "IA": (A.ACCEPTED, "accepted"),
    "IB": (A.BACKORDERED, "backordered"),
    "IC": (A.CHANGED, "accepted, changes made"),
    "ID": (A.DELETED, "deleted"),
    "IE": (A.CHANGED, "accepted, price pending"),
    "IF": (A.HELD, "on hold, incomplete description"),
    "IH": (A.HELD, "on hold"),
    "IP": (A.CHANGED, "accepted, price changed"),
    "IQ": (A.CHANGED, "accepted, quantity changed"),
    "IR": (A.REJECTED, "rejected"),
    "IS": (A.CHANGED, "accepted, substitution made"),
    "IW": (A.HELD, "on hold, waiver required"),
    "R1": (A.REJECTED, "rejected, not a contract item"),
    "R2": (A.REJECTED, "rejected, invalid item number"),
    "R3": (A.REJECTED, "rejected, invalid unit of issue"),
    "R4": (A.REJECTED, "rejected, contract item not available"),
    "SP": (A.ACCEPTED, "accepted, schedule date pending"),
}
ORDER_STATUS: dict[str, tuple[Answer, str]] = {  # data element 587
    "AC": (A.ACCEPTED, "acknowledged with detail and change"),
    "AD": (A.ACCEPTED, "acknowledged with detail, no change"),
    "AE": (A.ACCEPTED, "acknowledged with exception detail only"),
    "AH": (A.HELD, "acknowledged, on hold"),
    "AK": (A.ACCEPTED, "acknowledged, no detail or change"),
    "AP": (A.ACCEPTED, "acknowledged, product replenishment"),
    "AT": (A.ACCEPTED, "accepted"),
    "RD": (A.REJECTED, "rejected with detail"),
    "RF": (A.REJECTED, "rejected with exception detail only"),
    "RJ": (A.REJECTED, "rejected, no detail"),
    "RO": (A.REJECTED, "rejected with counter offer"),
}
CHANGES: dict[str, str] = {  # data element 670
    "AI": "item added", "CA": "item changed", "CB": "date changed", "CE": "item changed", "CF": "canceled",
    "CG": "item changed", "CH": "date changed", "CI": "date changed", "CT": "date changed", "DI": "item deleted",
    "NC": "no change", "OA": "item added", "PC": "price changed", "PQ": "price and quantity changed",
    "PR": "price and date changed", "QD": "quantity decreased", "QI": "quantity increased", "RA": "replaced",
    "RE": "replaced", "RM": "moved", "RQ": "quantity rescheduled", "RS": "rescheduled", "RZ": "replaced wholly",
    "SI": "substituted",
}  # fmt: skip
PURPOSES: dict[str, str] = {  # data element 353
    "00": "original", "01": "cancellation", "02": "addition", "03": "deletion", "04": "change", "05": "replacement",
    "06": "confirmation", "07": "duplicate", "08": "status", "14": "advance notice", "18": "reissue", "22": "information copy",
    "44": "rejection",
}  # fmt: skip
WITHDRAWN = frozenset({"01", "03"})
"""Purposes by which a ship notice or an answer takes an earlier one back."""
SET_RECEIPT: dict[str, tuple[bool, str]] = {  # data element 717
    "A": (True, "accepted"),
    "E": (True, "accepted, errors were noted"),
    "M": (False, "rejected, message authentication failed"),
    "P": (False, "accepted in part"),  # element 715 only
    "R": (False, "rejected"),
    "W": (False, "rejected, assurance failed"),
    "X": (False, "rejected, it could not be decrypted"),
}
SET_ERRORS: dict[str, str] = {  # data element 718
    "1": "transaction set not supported", "2": "trailer missing", "3": "control numbers of header and trailer differ",
    "4": "wrong number of segments", "5": "segments in error", "6": "set identifier missing or invalid",
    "7": "control number missing or invalid", "23": "control number not unique in the group",
}  # fmt: skip
GROUP_ERRORS: dict[str, str] = {  # data element 716
    "1": "group not supported", "2": "version not supported", "3": "trailer missing",
    "4": "control numbers of header and trailer differ", "5": "wrong number of sets", "6": "control number invalid",
}  # fmt: skip
SEGMENT_ERRORS: dict[str, str] = {  # data element 720
    "1": "unrecognized segment", "2": "unexpected segment", "3": "mandatory segment missing", "4": "loop too often",
    "5": "segment too often", "6": "not in this set", "7": "out of sequence", "8": "elements in error",
}  # fmt: skip
ELEMENT_ERRORS: dict[str, str] = {  # data element 723
    "1": "mandatory element missing", "2": "conditionally required element missing", "3": "too many elements",
    "4": "too short", "5": "too long", "6": "invalid character", "7": "invalid code", "8": "invalid date",
    "9": "invalid time", "10": "elements exclude each other",
}  # fmt: skip
LEVELS: dict[str, str] = {  # data element 735
    "S": "shipment", "O": "order", "T": "tare", "P": "pack", "I": "item", "Q": "subpack", "L": "load",
}  # fmt: skip
PARTIES: dict[str, str] = {  # data element 98
    "BT": "bill to", "BY": "buyer", "MA": "for", "PR": "payer", "RI": "remit to", "SE": "seller", "SF": "ship from",
    "ST": "ship to", "SU": "supplier", "VN": "vendor",
}  # fmt: skip
ITEMS: dict[str, str] = {  # data element 235
    "BP": "buyer's part", "EN": "EAN", "IN": "buyer's item", "MF": "manufacturer", "MG": "manufacturer's part",
    "SK": "SKU", "UI": "UPC", "UK": "GTIN", "UP": "UPC", "VA": "vendor's style", "VC": "vendor's catalogue",
    "VN": "vendor's item", "VP": "vendor's part",
}  # fmt: skip
TRACKING_MARKS = ("CP", "2I", "CPN", "ZZ")
"""MAN01 by which a parcel's own tracking number is given, best first."""
TRACKING_REFERENCES = ("2I", "CN", "TN", "BM", "SI")
"""REF01 likewise: tracking number, carrier's reference, bill of lading, shipper's number."""
LABELS = ("GM", "UC", "AA")
"""MAN01 of the labels suppliers put on cartons: SSCC-18, UPC shipping container code."""
STOCK_QUANTITIES = ("33", "17", "38", "QO", "1O")
"""QTY01 of what can be sold, best first: available for sale, on hand, original, …"""
CARRIERS: dict[str, str] = {  # standard carrier alpha codes of parcel carriers
    "FDCC": "FedEx", "FDE": "FedEx", "FDEG": "FedEx", "FDEN": "FedEx", "FDXG": "FedEx", "FEDX": "FedEx", "FXFE": "FedEx",
    "FXSP": "FedEx", "UPGF": "UPS", "UPSC": "UPS", "UPSG": "UPS", "UPSM": "UPS", "UPSN": "UPS", "UPSS": "UPS", "USPS": "USPS",
    "DHLC": "DHL", "DHLA": "DHL", "LASV": "LaserShip", "ONTR": "OnTrac", "PRLA": "Purolator", "CNPC": "Canada Post",
}  # fmt: skip
