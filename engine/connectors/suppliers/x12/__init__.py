"""EDI X12: purchase orders as 850, answers as 997, 855, 865, 856, 810 and 846."""
