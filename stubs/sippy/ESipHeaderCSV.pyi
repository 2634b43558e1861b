class ESipHeaderCSV(Exception):
    name: str | None
    bodys: list[str]
    def __init__(self, name: str | None, bodys: list[str]) -> None: ...
