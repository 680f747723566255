"""What did the paper publish? mAP and Rank-1 in per cent of our rows, by row, source and target; its Tables 2 to 5 and 7 to 10.

A cell that stands in several tables has the same numbers in all of them.
"""

# A line: row of ROWS, source -> target, mAP/Rank-1.
_TABLES = """
2-3    baseline       MA -> D 47.8/67.3   MA -> MS 22.0/50.1   MA -> C3 30.0/30.4
2-3    baseline       D -> MA 41.7/70.5   D -> MS 19.0/46.9    D -> C3 22.1/23.1
2-3    baseline       MS -> MA 51.0/76.5  MS -> D 57.1/73.8    MS -> C3 32.7/32.9
2-3    baseline       C3 -> MA 39.6/66.2  C3 -> D 41.4/62.7    C3 -> MS 16.6/45.2
2-3    dcac           MA -> D 49.5/69.1   MA -> MS 23.4/52.1   MA -> C3 32.5/33.2
2-3    dcac           D -> MA 42.3/71.5   D -> MS 19.7/47.4    D -> C3 23.0/23.5
2-3    dcac           MS -> MA 52.1/77.9  MS -> D 58.4/75.0    MS -> C3 34.1/34.4
2-3    dcac           C3 -> MA 42.0/68.6  C3 -> D 43.2/64.8    C3 -> MS 17.8/47.3
4      dcac           D+MS+C3 -> MA 56.7/80.0  MA+MS+C3 -> D 58.9/75.4  MA+D+C3 -> MS 27.5/56.7  MA+D+MS -> C3 42.5/43.6
5      frozen         MA -> MS 21.3/49.7  MS -> MA 50.8/76.5
5      partial1       MA -> MS 22.1/50.3  MS -> MA 47.1/74.6
5      partial2       MA -> MS 22.1/50.4  MS -> MA 51.9/78.5
5      full           MA -> MS 21.8/50.1  MS -> MA 51.5/76.6
5      scratch        MA -> MS 21.9/50.3  MS -> MA 51.7/77.6
7      instance       MA -> MS 22.4/50.8  MS -> MA 51.6/77.7
7      class          MA -> MS 22.6/51.2  MS -> MA 50.5/76.5
8      baseline       MA -> MA 86.4/94.4  MS -> MS 70.4/88.1
8      instance       MA -> MA 86.4/94.7  MS -> MS 70.4/88.5
8      class          MA -> MA 86.6/94.5  MS -> MS 70.6/88.2
8      dcac           MA -> MA 86.8/94.9  MS -> MS 70.1/88.3
9      rank8          MA -> MS 23.4/52.1  MS -> MA 51.4/77.3
9      rank16         MA -> MS 22.1/50.7  MS -> MA 51.7/77.9
9      rank32         MA -> MS 22.4/51.4  MS -> MA 52.1/77.9
9      rank64         MA -> MS 22.9/51.6  MS -> MA 51.1/77.5
10     silu           MA -> MS 22.4/50.8  MS -> MA 50.4/76.9
10     batchnorm      MA -> MS 22.5/50.9  MS -> MA 51.0/76.8
10     condition_net  MA -> MS 21.9/50.1  MS -> MA 50.5/76.2
"""


def _read(tables: str) -> dict[tuple[str, tuple[str, str]], tuple[float, float]]:
    cells = {}
    for line in tables.strip().splitlines():
        row, *words = line[7:].split()
        for source, _, target, numbers in zip(*[iter(words)] * 4, strict=True):
            mean_ap, rank_1 = map(float, numbers.split("/"))
            cells[row, (source, target)] = mean_ap, rank_1
    return cells


PUBLISHED = _read(_TABLES)
