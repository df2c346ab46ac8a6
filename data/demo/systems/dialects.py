"""How the workshops of each country write down the same things: column names, words, zones and ways of writing a time."""

from __future__ import annotations

from dataclasses import dataclass

from data.demo import places

FIELDS = (
    "at", "order", "event", "partner", "site", "country", "product", "device", "replacement", "channel", "service", "warranty",
    "fault", "symptom", "technician", "level", "sold", "promised", "outcome", "cost", "parts_cost", "recorded",
)  # fmt: skip
"""What every workshop exports of an event, in this order."""


@dataclass(frozen=True)
class Dialect:
    """One kind of export. Words stand in the order of the simulation's own lists; `names` in that of FIELDS."""

    system: str
    folder: str
    zone: str
    date: str
    time: str
    encoding: str
    delimiter: str
    names: tuple[str, ...]
    events: dict[str, str]
    channels: tuple[str, str, str]
    services: tuple[str, str]
    warranty: tuple[str, str]
    faults: tuple[str, str, str, str, str]
    outcomes: tuple[str, str, str, str, str, str]
    unclear: str
    rate: float = 1.0  # the local currency's units in one euro

    @property
    def head(self) -> str:
        return self.delimiter.join(self.names)


def _events(*words: str) -> dict[str, str]:
    kinds = (
        "created", "received", "diagnosed", "quoted", "approved", "part_requested", "part_received", "repair_started", "repaired",
        "qc_failed", "qc_passed", "completed", "returned_unrepaired", "swapped", "dispatched", "delivered", "closed", "reopened",
        "cancelled",
    )  # fmt: skip
    said = dict(zip(kinds, words, strict=True))
    return said | {"part_again": said["part_requested"], "closed_again": said["closed"]}


GERMAN = Dialect(
    system=places.WERKSTATT,
    folder="werkstatt",
    zone="Europe/Berlin",
    date="%d.%m.%Y",
    time="%H:%M",
    encoding="latin-1",
    delimiter=";",
    names=(
        "Zeitpunkt", "Auftrag", "Ereignis", "Werkstatt", "Ort", "Land", "Modell", "Seriennummer", "Ersatzgerät", "Annahmeart",
        "Auftragsart", "Garantie", "Fehlerbild", "Symptom", "Techniker", "Stufe", "Kaufdatum", "Zugesagt", "Ergebnis", "Kosten",
        "Teilekosten", "Erfasst",
    ),
    events=_events(
        "Angelegt", "Wareneingang", "Diagnose", "Kostenvoranschlag", "Freigabe", "Ersatzteil angefordert", "Ersatzteil erhalten",
        "Reparatur begonnen", "Repariert", "Prüfung nicht bestanden", "Prüfung bestanden", "Fertig", "Unrepariert zurück",
        "Gerätetausch", "Versandt", "Übergeben", "Abgeschlossen", "Wiedereröffnet", "Storniert",
    ),
    channels=("Annahme", "Einsendung", "Händler"),
    services=("Reparatur", "Aufarbeitung"),
    warranty=("ja", "nein"),
    faults=("Display", "Akku", "kein Strom", "Wasserschaden", "Software"),
    outcomes=("repariert", "nicht repariert", "nicht reparierbar", "kein Fehler gefunden", "getauscht", "storniert"),
    unclear="In Klärung",
)  # fmt: skip
BRAZILIAN = Dialect(
    system=places.OFICINA,
    folder="oficina",
    zone="America/Sao_Paulo",
    date="%d/%m/%Y",
    time="%H:%M:%S",
    encoding="utf-8",
    delimiter=";",
    names=(
        "data_hora", "ordem", "evento", "oficina", "cidade", "pais", "modelo", "imei", "imei_novo", "entrada", "tipo", "garantia",
        "defeito", "sintoma", "tecnico", "nivel", "comprado_em", "prometido_para", "resultado", "custo", "custo_pecas",
        "registrado_em",
    ),
    events=_events(
        "Aberta", "Recebida", "Diagnóstico", "Orçamento enviado", "Orçamento aprovado", "Peça solicitada", "Peça recebida",
        "Conserto iniciado", "Consertado", "Reprovado no teste", "Aprovado no teste", "Pronto", "Devolvido sem conserto",
        "Trocado", "Despachado", "Entregue", "Encerrada", "Reaberta", "Cancelada",
    ),
    channels=("balcão", "correio", "lojista"),
    services=("conserto", "recondicionamento"),
    warranty=("sim", "não"),
    faults=("tela", "bateria", "não liga", "oxidação", "software"),
    outcomes=("consertado", "não consertado", "sem conserto", "sem defeito", "trocado", "cancelado"),
    unclear="Em análise",
    rate=6.25,
)  # fmt: skip
JAPANESE = Dialect(
    system=places.SHURI,
    folder="shuri",
    zone="Asia/Tokyo",
    date="%Y/%m/%d",
    time="%H:%M:%S",
    encoding="cp932",
    delimiter=",",
    names=(
        "日時", "受付番号", "状態", "修理店", "都市", "国", "機種", "製造番号", "交換後製造番号", "受付方法",
        "区分", "保証", "故障", "症状",
        "担当者", "レベル", "購入日", "完了予定", "結果", "費用", "部品代", "記録日時",
    ),
    events=_events(
        "受付", "入荷", "診断", "見積", "承認", "部品手配", "部品入荷", "修理開始", "修理完了", "検査不合格", "検査合格",
        "完了", "未修理返却",
        "交換", "発送", "引渡", "終了", "再開", "取消",
    ),
    channels=("店頭", "郵送", "業者"),
    services=("修理", "再生"),
    warranty=("保証内", "保証外"),
    faults=("画面", "電池", "電源", "水濡れ", "ソフト"),
    outcomes=("修理済", "未修理", "修理不能", "異常なし", "交換済", "取消済"),
    unclear="確認中",
    rate=178.0,
)  # fmt: skip
AMERICAN = Dialect(
    system=places.SERVICE,
    folder="service-us",
    zone="America/New_York",
    date="%m/%d/%Y",
    time="%I:%M %p",
    encoding="utf-8",
    delimiter=",",
    names=(
        "Timestamp", "Work Order", "Status", "Service Center", "City", "Country", "Model", "IMEI", "Replacement IMEI", "Intake",
        "Order Type", "Coverage", "Failure", "Complaint", "Tech", "Level", "Purchased", "Promised", "Resolution", "Total USD",
        "Parts USD", "Logged",
    ),
    events=_events(
        "Opened", "Checked In", "Diagnosed", "Estimate Sent", "Estimate Approved", "Part Requested", "Part Received",
        "Repair Started", "Repaired", "Failed QC", "Passed QC", "Ready", "Returned Unrepaired", "Exchanged", "Shipped",
        "Handed Over", "Closed", "Reopened", "Canceled",
    ),
    channels=("Walk-in", "Mail-in", "Dealer"),
    services=("Repair", "Refurbish"),
    warranty=("In Warranty", "Out of Warranty"),
    faults=("Display", "Battery", "No Power", "Liquid", "Software"),
    outcomes=("Fixed", "Not Fixed", "Beyond Repair", "No Trouble Found", "Unit Exchanged", "Order Canceled"),
    unclear="On Hold",
    rate=1.16,
)  # fmt: skip
DIALECTS = (GERMAN, BRAZILIAN, JAPANESE, AMERICAN)
