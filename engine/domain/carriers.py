"""The carriers we know: their names, where a parcel is followed, and how each channel spells them.

Spellings are the values the channels' own references list: Shopify ``trackingInfo.company``
(https://shopify.dev/docs/api/admin-graphql/latest/objects/FulfillmentTrackingInfo), eBay ShippingCarrierCodeType
(https://developer.ebay.com/devzone/xml/docs/reference/ebay/types/ShippingCarrierCodeType.html) and Amazon's
order fulfillment feed (https://developer-docs.amazon.com/sp-api/docs), Walmart ``carrierName``
(https://developer.walmart.com/us-marketplace/docs/supported-carrier-names).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Carrier:
    """A company that moves parcels. ``url`` has one ``{}`` for the quoted tracking number; "" where none is public.

    ``aliases`` are further names in lower case without spaces or punctuation. A channel missing from ``spellings``
    takes ``name``, or its word for "other" where it only takes names from its own list.
    """

    code: str
    name: str
    url: str
    aliases: tuple[str, ...]
    spellings: Mapping[str, str]


def _carrier(code: str, name: str, url: str, aliases: str = "", **spellings: str) -> Carrier:
    return Carrier(code, name, url, tuple(aliases.split()), MappingProxyType(spellings))


_TABLE = (
    # North America
    _carrier(
        "ups",
        "UPS",
        "https://www.ups.com/track?tracknum={}",
        "unitedparcelservice unitedparcel upsn upss",
        shopify="UPS",
        ebay="UPS",
        amazon="UPS",
        walmart="UPS",
    ),
    _carrier(
        "ups_mi",
        "UPS Mail Innovations",
        "https://www.ups.com/track?tracknum={}",
        "upsmi mailinnovations",
        shopify="UPS",
        ebay="UPSMailInnovations",
        amazon="UPS Mail Innovations",
        walmart="UPSMI",
    ),
    _carrier(
        "usps",
        "USPS",
        "https://tools.usps.com/go/TrackConfirmAction?tLabels={}",
        "uspostalservice unitedstatespostalservice uspost usmail uspostal",
        shopify="USPS",
        ebay="USPS",
        amazon="USPS",
        walmart="USPS",
    ),
    _carrier(
        "fedex",
        "FedEx",
        "https://www.fedex.com/fedextrack/?trknbr={}",
        "federalexpress fdx fxfe fdxe fdxg fedx",
        shopify="FedEx",
        ebay="FedEx",
        amazon="FedEx",
        walmart="FedEx",
    ),
    _carrier(
        "fedex_smartpost",
        "FedEx SmartPost",
        "https://www.fedex.com/fedextrack/?trknbr={}",
        "smartpost fedexsmartpost fxsp fedexgroundeconomy",
        shopify="FedEx",
        ebay="FedExSmartPost",
        amazon="FedEx SmartPost",
        walmart="FEDEXSP",
    ),
    _carrier(
        "ontrac",
        "OnTrac",
        "https://www.ontrac.com/tracking/?number={}",
        "ontrack",
        shopify="OnTrac",
        ebay="ONTRACK",
        amazon="OnTrac",
        walmart="OnTrac",
    ),
    _carrier(
        "lasership",
        "LaserShip",
        "https://www.lasership.com/track/{}",
        "",
        shopify="Lasership",
        amazon="Lasership",
        walmart="LS",
    ),
    _carrier(
        "amazon",
        "Amazon Logistics",
        "https://track.amazon.com/tracking/{}",
        "amazonlogistics amzl amzlus amazonshipping amazontransportation amznus amazonmcf",
        shopify="Amazon",
    ),
    _carrier(
        "canada_post",
        "Canada Post",
        "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={}",
        "postescanada canadapostcorporation canadapostpostescanada",
        shopify="Canada Post",
        ebay="CPC",
        amazon="Canada Post",
        walmart="Canada Post",
    ),
    _carrier("purolator", "Purolator", "https://www.purolator.com/en/shipping/tracker?pin={}", shopify="Purolator"),
    _carrier(
        "canpar",
        "Canpar",
        "https://www.canpar.com/en/tracking/track.htm?barcode={}",
        "canparexpress",
        shopify="Canpar",
        ebay="CanPar",
    ),
    _carrier(
        "osm",
        "OSM Worldwide",
        "https://www.osmworldwide.com/tracking/?trackingNumbers={}",
        "osm",
        amazon="OSM",
        walmart="OSM Worldwide",
    ),
    _carrier(
        "asendia",
        "Asendia USA",
        "https://a1.asendiausa.com/tracking/?trackingnumber={}",
        "asendia",
        shopify="Asendia USA",
    ),
    _carrier("pitney_bowes", "Pitney Bowes", "https://trackpb.shipment.co/track/{}", shopify="Pitney Bowes"),
    _carrier("newgistics", "Newgistics", "", amazon="Newgistics"),
    _carrier("spee_dee", "Spee-Dee Delivery", "", "speedee", ebay="SpeeDee"),
    # DHL is several companies; "DHL" alone does not say which, and the common page finds parcels of all of them.
    _carrier(
        "dhl",
        "DHL",
        "https://www.dhl.com/global-en/home/tracking.html?submit=1&tracking-id={}",
        "",
        ebay="DHL",
        amazon="DHL",
        walmart="DHL",
    ),
    _carrier(
        "dhl_express",
        "DHL Express",
        "https://www.dhl.com/global-en/home/tracking/tracking-express.html?submit=1&tracking-id={}",
        "dhlworldwideexpress dhlexpressworldwide dhlintl",
        shopify="DHL Express",
        ebay="DHLEXPRESS",
        amazon="DHL",
        walmart="DHL",
    ),
    _carrier(
        "dhl_ecommerce",
        "DHL eCommerce",
        "https://webtrack.dhlecs.com/orders?trackingNumber={}",
        "dhlglobalmail dhlecommercesolutions dhlgm dhlecs dhlsmartmail",
        shopify="DHL eCommerce",
        ebay="DHLGlobalMail",
        amazon="DHL Global Mail",
        walmart="DHL Ecommerce - US",
    ),
    _carrier(
        "dhl_de",
        "DHL Paket",
        "https://www.dhl.de/de/privatkunden/dhl-sendungsverfolgung.html?piececode={}",
        "dhlparcelde dhlparcelgermany dhlde dhlgermany dhldeutschland",
        ebay="DHL",
        amazon="DHL",
    ),
    _carrier(
        "deutsche_post",
        "Deutsche Post",
        "https://www.deutschepost.de/de/s/sendungsverfolgung.html?piececode={}",
        "",
        shopify="Deutsche Post",
        ebay="DeutschePost",
        amazon="Deutsche Post",
        walmart="Deutsche Post",
    ),
    # Great Britain and Ireland
    _carrier(
        "royal_mail",
        "Royal Mail",
        "https://www.royalmail.com/track-your-item#/tracking-results/{}",
        "royalmailgroup",
        shopify="Royal Mail",
        ebay="RoyalMail",
        amazon="Royal Mail",
        walmart="Royal Mail",
    ),
    _carrier(
        "parcelforce",
        "Parcelforce",
        "https://www.parcelforce.com/track-trace?trackNumber={}",
        "parcelforceworldwide",
        ebay="Parcelforce",
        amazon="Parcelforce",
    ),
    _carrier(
        "evri", "Evri", "https://www.evri.com/track/parcel/{}", "myhermesuk hermesuk", shopify="Evri", ebay="Hermes"
    ),
    _carrier(
        "dpd_uk",
        "DPD UK",
        "https://track.dpd.co.uk/search?reference={}",
        "dpdgb dpdunitedkingdom",
        shopify="DPD UK",
        ebay="DPD",
        amazon="DPD",
    ),
    _carrier(
        "dpd_local",
        "DPD Local",
        "https://track.dpdlocal.co.uk/search?reference={}",
        "interlink interlinkexpress",
        shopify="DPD Local",
        ebay="Interlink",
        amazon="DPD",
    ),
    _carrier("yodel", "Yodel", "https://www.yodel.co.uk/tracking/{}", "yodeldirect", ebay="Yodel", amazon="Yodel"),
    _carrier(
        "an_post",
        "An Post",
        "https://www.anpost.com/Post-Parcels/Track/History?item={}",
        "",
        shopify="An Post",
        ebay="AnPost",
    ),
    # The continent
    _carrier(
        "dpd",
        "DPD",
        "https://tracking.dpd.de/status/en_US/parcel/{}",
        "dpdgroup dpdde dpdgermany dynamicparceldistribution",
        shopify="DPD",
        ebay="DPD",
        amazon="DPD",
    ),
    _carrier(
        "gls",
        "GLS",
        "https://gls-group.com/GROUP/en/parcel-tracking/?match={}",
        "generallogisticssystems glsgermany glseurope",
        shopify="GLS",
        ebay="GLS",
        amazon="GLS",
        walmart="GLS",
    ),
    _carrier(
        "hermes",
        "Hermes",
        "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{}",
        "hermesgermany hermesde myhermes hermeslogistikgruppe hermeslogistik",
        ebay="Hermes",
        amazon="Hermes Logistik Gruppe",
    ),
    _carrier(
        "postnl",
        "PostNL",
        "https://postnl.nl/tracktrace/?B={}",
        "tntpostnl",
        shopify="PostNL",
        ebay="PostNL",
    ),
    _carrier(
        "bpost",
        "bpost",
        "https://track.bpost.cloud/btr/web/#/search?itemCode={}",
        "belgianpost",
        shopify="BPost",
        ebay="BPost",
    ),
    _carrier(
        "la_poste",
        "La Poste",
        "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
        "laposte groupelaposte",
        shopify="La Poste Colissimo",
        ebay="LAPOSTE",
        amazon="La Poste",
    ),
    _carrier(
        "colissimo",
        "Colissimo",
        "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
        "lapostecolissimo coliposte",
        shopify="Colissimo",
        ebay="Colissimo",
        amazon="La Poste",
    ),
    _carrier(
        "chronopost",
        "Chronopost",
        "https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={}",
        "",
        shopify="Chronopost",
        ebay="Chronopost",
        amazon="Chronopost",
    ),
    _carrier(
        "mondial_relay",
        "Mondial Relay",
        "https://www.mondialrelay.fr/suivi-de-colis/?NumeroExpedition={}",
        "",
        shopify="Mondial Relay",
        ebay="MondialRelay",
    ),
    _carrier(
        "swiss_post",
        "Swiss Post",
        "https://www.post.ch/swisspost-tracking?formattedParcelCodes={}",
        "dieschweizerischepost schweizerischepost postch",
        shopify="Swiss Post",
        ebay="SwissPost",
    ),
    _carrier(
        "austrian_post",
        "Austrian Post",
        "https://www.post.at/sv/sendungsdetails?snr={}",
        "osterreichischepost osterreichischepostag postat",
        ebay="OsterreichischePostAG",
    ),
    _carrier(
        "correos",
        "Correos",
        "https://www.correos.es/es/es/herramientas/localizador/envios/detalle?tracking-number={}",
        "correosespana",
        shopify="Correos",
        ebay="Correos",
    ),
    _carrier(
        "poste_italiane",
        "Poste Italiane",
        "https://www.poste.it/cerca/index.html#/risultati-spedizioni/{}",
        "",
        shopify="Poste Italiane",
        ebay="PosteItaliane",
        amazon="Poste Italiane",
    ),
    _carrier("postnord", "PostNord", "https://tracking.postnord.com/en/tracking?id={}"),
    _carrier("poczta_polska", "Poczta Polska", "https://emonitoring.poczta-polska.pl/?numer={}", ebay="PocztaPolska"),
    _carrier("inpost", "InPost", "https://inpost.pl/sledzenie-przesylek?number={}"),
    _carrier(
        "tnt",
        "TNT",
        "https://www.tnt.com/express/en_us/site/tracking.html?searchType=con&cons={}",
        "tntexpress",
        shopify="TNT",
        ebay="TNT",
        amazon="TNT",
    ),
    # Asia and the Pacific
    _carrier(
        "australia_post",
        "Australia Post",
        "https://auspost.com.au/mypost/track/details/{}",
        "auspost austpost eparcel",
        shopify="Australia Post",
        ebay="AustraliaPost",
    ),
    _carrier(
        "startrack",
        "StarTrack",
        "https://startrack.com.au/track/details/{}",
        "startrackexpress",
        shopify="StarTrack",
        ebay="StarTrack",
    ),
    _carrier("sendle", "Sendle", "https://track.sendle.com/tracking?ref={}", shopify="Sendle", walmart="Sendle"),
    _carrier(
        "nz_post",
        "New Zealand Post",
        "https://www.nzpost.co.nz/tools/tracking?trackid={}",
        "nzpost",
        shopify="New Zealand Post",
    ),
    _carrier(
        "japan_post",
        "Japan Post",
        "https://trackings.post.japanpost.jp/services/srv/search/direct?locale=en&reqCodeNo1={}",
        "jppost yupack",
        shopify="Japan Post (EN)",
        ebay="JapanPost",
        amazon="JP_EXPRESS",
        walmart="Japan Post",
    ),
    _carrier(
        "yamato",
        "Yamato",
        "",
        "yamatotransport kuroneko kuronekoyamato takkyubin",
        shopify="Yamato (EN)",
        amazon="YamatoTransport",
    ),
    _carrier(
        "sagawa",
        "Sagawa",
        "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={}",
        "sagawaexpress",
        shopify="Sagawa (EN)",
        amazon="SagawaExpress",
    ),
    _carrier(
        "china_post", "China Post", "", "chinapostems", shopify="China Post", ebay="ChinaPost", walmart="China Post"
    ),
    _carrier("singapore_post", "Singapore Post", "", "singpost", shopify="Singapore Post", ebay="SINGAPOREPOST"),
    _carrier("korea_post", "Korea Post", "", "epost", ebay="KoreaPost"),
    _carrier("hongkong_post", "Hongkong Post", "", "hkpost", ebay="HongKongPost"),
    _carrier("india_post", "India Post", "", "", ebay="IndiaPost", amazon="India Post", walmart="India Post"),
    _carrier("sf_express", "SF Express", "", "shunfeng sfexpress", shopify="SF Express", walmart="SF Express"),
    _carrier(
        "four_px",
        "4PX",
        "https://track.4px.com/#/result/0/{}",
        "fourpx 4pxexpress",
        shopify="4PX",
        ebay="FourPX",
        walmart="4PX",
    ),
    _carrier(
        "yunexpress",
        "YunExpress",
        "https://www.yuntrack.com/parcelTracking?id={}",
        "",
        shopify="YunExpress",
        walmart="YunExpress",
    ),
    _carrier("yanwen", "Yanwen", "", "", ebay="YANWEN", walmart="Yanwen"),
    _carrier(
        "aramex",
        "Aramex",
        "https://www.aramex.com/track/results?ShipmentNumber={}",
        "",
        ebay="ARAMEX",
        amazon="Aramex",
        walmart="Aramex",
    ),
    _carrier("delhivery", "Delhivery", "https://www.delhivery.com/track-v2/package/{}", "", amazon="Delhivery"),
    _carrier("bluedart", "Blue Dart", "", "", amazon="BlueDart"),
    _carrier("dtdc", "DTDC", "", "", amazon="DTDC"),
    _carrier(
        "correios", "Correios", "https://rastreamento.correios.com.br/app/index.php?objetos={}", "", shopify="Correios"
    ),
)

CARRIERS: Mapping[str, Carrier] = MappingProxyType({carrier.code: carrier for carrier in _TABLE})

# The channels that take names from their own list only have a word for the rest; others take any text.
OTHER: Mapping[str, str] = MappingProxyType({"ebay": "Other", "amazon": "Other"})
