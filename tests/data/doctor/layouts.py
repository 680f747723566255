"""Every layout of the data sets that check-data knows, as folders and file names; a few people in each."""


def boxes(pattern, cameras=(1, 2)):
    """People 1 and 2 to train on, 3 and 4 to test, queries by the first camera."""
    parts = {
        "bounding_box_train": ((1, 2), cameras),
        "query": ((3, 4), cameras[:1]),
        "bounding_box_test": ((3, 4), cameras),
    }
    return [
        f"{part}/{pattern.format(p=person, c=camera, n=7 + (part == 'query'))}"
        for part, (identities, seen_by) in parts.items()
        for person in identities
        for camera in seen_by
    ]


def listed(folder, train, test):
    """Writes MSMT17's lists; returns the images that they name."""
    shots = {
        "train": (train, 14, (0, 1)),
        "val": (train, 3, (0,)),
        "query": (test, 1, (0, 1)),
        "gallery": (test, 15, (0, 1)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, (part, camera, identities) in shots.items():
        images = [f"{p:04d}/{p:04d}_{camera:03d}_{camera:02d}_0303morning_0008_0.jpg" for p in identities]
        lines = [f"{image} {person}\n" for image, person in zip(images, identities, strict=True)]
        (folder / f"list_{name}.txt").write_text("".join(lines))
        names += [f"{part}/{image}" for image in images]
    return names


MARKET, DUKE, MSMT17 = "{p:04d}_c{c}s1_{n:06d}_00.jpg", "{p:04d}_c{c}_f{n:07d}.jpg", "{p:04d}_c{c}_{n:04d}.jpg"
NP, ORIGINAL = "{p:04d}_c{c}_{n}.png", "{p:04d}_{n:03d}_{c:02d}_0303morning_0008_0.jpg"
PAIRS = [(p, c) for p in (1, 2) for c in (1, 2)]
GRID = [
    f"{part}/{p:04d}_{c}_25004_{n}.jpeg" for part, c in (("probe", 1), ("gallery", 2)) for n, p in enumerate((1, 2))
]

# Layout -> folder, images (or train and test folder of MSMT17), name, reader, where it is linked to.
LAYOUTS = {
    "Market of its owners": ("Market-1501-v15.09.15", boxes(MARKET), "Market1501", "DG_Market1501", "Market-1501-v15.09.15"),
    "Market of DCAC": ("Market1501", boxes(MARKET), "Market1501", "DG_Market1501", "Market-1501-v15.09.15"),
    "Market of torchreid": (
        "market1501/Market-1501-v15.09.15", boxes(MARKET), "Market1501", "DG_Market1501", "Market-1501-v15.09.15"
    ),
    "Market anywhere": ("my data/people", boxes(MARKET), "Market1501", "DG_Market1501", "Market-1501-v15.09.15"),
    "Duke of its owners": ("DukeMTMC-reID", boxes(DUKE), "DukeMTMC-reID", "DG_DukeMTMC", "DukeMTMC-reID"),
    "Duke of CLIP-ReID": ("dukemtmcreid", boxes(DUKE), "DukeMTMC-reID", "DG_DukeMTMC", "DukeMTMC-reID"),
    "Duke of torchreid": ("dukemtmc-reid/DukeMTMC-reID", boxes(DUKE), "DukeMTMC-reID", "DG_DukeMTMC", "DukeMTMC-reID"),
    "MSMT17, version 1": ("MSMT17_V1", ("train", "test"), "MSMT17", "DG_MSMT17", "MSMT17_V1"),
    "MSMT17, version 2": ("MSMT17_V2", ("mask_train_v2", "mask_test_v2"), "MSMT17", "DG_MSMT17", "MSMT17_V2"),
    "MSMT17 of torchreid": ("msmt17/MSMT17_V2", ("mask_train_v2", "mask_test_v2"), "MSMT17", "DG_MSMT17", "MSMT17_V2"),
    "MSMT17 of TransReID": ("MSMT17", ("train", "test"), "MSMT17", "DG_MSMT17", "MSMT17_V1"),
    "MSMT17, merged": ("MSMT17", boxes(MSMT17, (1, 14)), "MSMT17", "DG_MSMT17", "MSMT17"),
    "MSMT17, merged under its own names": ("MSMT17", boxes(ORIGINAL, (1, 14)), "MSMT17", "DG_MSMT17", "MSMT17"),
    "MSMT17 of M3L": ("msmt17v1/MSMT17_V1", boxes(MSMT17, (1, 14)), "MSMT17", "DG_MSMT17", "msmt17v1/MSMT17_V1"),
    "CUHK03-NP, detected": (
        "cuhk03np/detected", boxes(NP), "CUHK03-NP, detected boxes", "DG_CUHK03NP", "cuhk03-np/detected"
    ),
    "CUHK03-NP of BAU": (
        "cuhk03-np/detected", boxes(NP), "CUHK03-NP, detected boxes", "DG_CUHK03NP", "cuhk03-np/detected"
    ),
    "CUHK03-NP, labeled": (
        "cuhknp/labeled", boxes(NP), "CUHK03-NP, labeled boxes", "DG_CUHK03NPLabeled", "cuhk03-np/labeled"
    ),
    "CUHK02": (
        "cuhk02/Dataset",
        [f"P{pair}/cam{c}/00{p}_0{c}.png" for pair in range(1, 6) for p, c in PAIRS],
        "CUHK02", "PersonFolders", "person_folders/train",
    ),
    "CUHK-SYSU, cut out": (
        "cuhk_sysu", ["cropped_images/p1_s16929_1.jpg", "cropped_images/p2_s1_1.jpg"], "CUHK-SYSU", "cuhkSYSU", "cuhk_sysu"
    ),
    "CUHK-SYSU of MetaBIN": (
        "CUHK-SYSU",
        ["cropped_image/p00001_n01_s00001_hard0.png", "cropped_image/p00002_n01_s00003_hard0.png"],
        "CUHK-SYSU", "cuhkSYSU", "cuhk_sysu",
    ),
    "GRID of its owners": ("grid/underground_reid", GRID + ["gallery/0000_3_1.jpeg"], "GRID", "GRID", "underground_reid"),
    "GRID of DCAC": ("grid", GRID, "GRID", "GRID", "underground_reid"),
    "GRID of fast-reid": (
        "underground_reid", [f"images/{name.rpartition('/')[2]}" for name in GRID], "GRID", "GRID", "underground_reid"
    ),
    "iLIDS of its owners": (
        "QMUL-iLIDS/i-LIDS_Pedestrian/Persons", ["0001001.jpg", "0001002.jpg", "0002001.jpg"], "iLIDS", "iLIDS", "iLIDS"
    ),
    "iLIDS of DCAC": ("ilids/Persons", ["0001001.jpg", "0001002.jpg", "0002001.jpg"], "iLIDS", "iLIDS", "iLIDS"),
    "iLIDS of MetaBIN": ("QMUL-iLIDS/images", ["0001001.jpg", "0002001.jpg"], "iLIDS", "iLIDS", "iLIDS"),
    "iLIDS of fast-reid": ("iLIDS", ["0001/1_a.png", "0001/2_a.png", "0002/1_a.png"], "iLIDS", "iLIDS", "iLIDS"),
    "PRID of its owners": (
        "prid2011", [f"single_shot/cam_{c}/person_{p}.png" for c in "ab" for p in ("0001", "0201")],
        "PRID2011", "PRID", "prid_2011",
    ),
    "PRID of fast-reid": (
        "prid_2011", [f"slim_train/person_000{p}/{c}_1.png" for p, c in ((1, "a"), (2, "b"))], "PRID2011", "PRID", "prid_2011"
    ),
    "VIPeR of its owners": (
        "viper", ["cam_a/000_45.bmp", "cam_b/000_90.bmp", "cam_a/001_45.bmp"], "VIPeR", "VIPeR", "VIPeR"
    ),
    "VIPeR of MetaBIN": (
        "viper",
        ["split_1a/train/p000_c1_d045.png", "split_1a/query/p001_c1_d000.png", "split_1a/gallery/p001_c2_d090.png"],
        "VIPeR", "VIPeR", "VIPeR",
    ),
    "own photos": ("photos", [f"{p}/{n}.jpg" for p in ("anna", "ben", "carl") for n in range(3)], "own photos", "PersonFolders",
                   "person_folders"),
    "own photos with cameras": (
        "photos", [f"{p}/{c}/1.jpg" for p in ("anna", "ben", "carl") for c in ("gate", "yard")],
        "own photos", "PersonFolders", "person_folders",
    ),
}  # fmt: skip
