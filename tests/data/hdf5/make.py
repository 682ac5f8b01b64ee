#!/usr/bin/env python3
"""Makes the fixtures of tests/formats-hdf5.bats, here: five cells, four genes, in every layout.

    python3 tests/data/hdf5/make.py        needs anndata >= 0.12 and h5py

The expected tables beside them (*.tsv) are written from the numbers below, not from the files.
"""
import os
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import anndata as ad

here = os.path.dirname(os.path.abspath(__file__))
cells = [f"c{i}" for i in range(5)]
genes = ["CD3D", "MS4A1", "NKG7", "LYZ"]
X = np.array([[0, 3, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0], [7, 0, 300, 1], [0, 5, 0, 70000]], "f4")
half = X / 2
scaled = np.arange(20, dtype="f8").reshape(5, 4) - 9.5
raw_genes = genes + ["PPBP"]
raw = np.hstack([X, np.array([[1], [0], [4], [0], [0]], "f4")])
pca = np.array([[-1.5, 2], [0.25, 1e-3], [3, 3], [4, -4], [5, 0]], "f4")
graph = sp.csr_matrix(([0.5, 0.25, 1.0], ([0, 1, 4], [1, 3, 0])), shape=(5, 5))


def path(name):
    return os.path.join(here, name)


def tsv(name, corner, rows, columns, values):
    def text(v):
        return "%.9g" % v if isinstance(v, (float, np.floating)) else str(v)

    with open(path(name), "w") as f:
        f.write("\t".join([corner, *columns]) + "\n")
        for r, line in zip(rows, values):
            f.write("\t".join([r, *map(text, line)]) + "\n")


def now():
    obs = pd.DataFrame(
        {
            "text": ["a", "b", "ä", "b", "a"],
            "level": pd.Categorical(["lo", "hi", None, "lo", "hi"], ["lo", "hi"], ordered=True),
            "plate": pd.Categorical([2, 1, 2, 1, 1]),
            "count": pd.array([1, None, 3, -4, 5], dtype="Int64"),
            "flag": pd.array([True, None, False, True, True], dtype="boolean"),
            "is_b": [False, True, False, True, False],
            "n": np.arange(5, dtype="u1"),
            "score": [0.5, np.nan, -1.25, 1e9, 0.1],
        },
        index=cells,
    )
    a = ad.AnnData(sp.csr_matrix(X), obs, pd.DataFrame({"gc": [0.4, 0.5, 0.6, 0.7]}, index=genes))
    a.raw = ad.AnnData(sp.csr_matrix(raw), obs[[]], pd.DataFrame(index=raw_genes))
    a.layers["half"] = sp.csc_matrix(half)
    a.layers["scaled"] = scaled
    a.obsm["X_pca"] = pca
    a.obsm["protein_expression"] = pd.DataFrame(
        {"CD3": [1, 2, 3, 4, 5], "CD19": [0, 0, 9, 0, 1]}, index=cells
    )
    a.varm["PCs"] = np.arange(8, dtype="f4").reshape(4, 2)
    a.varp["links"] = sp.csr_matrix(np.eye(4))
    a.obsp["distances"] = graph
    a.uns = {
        "title": "five cells",
        "n": 5,
        "nested": {"deep": {"x": 0.5}, "names": np.array(["p", "q"])},
        "grid": np.array([[1, 2], [3, 4]]),
        "yes": True,
    }
    ad.settings.allow_write_nullable_strings = False
    a.strings_to_categoricals = lambda *_: None
    a.write_h5ad(path("now.h5ad"), compression="gzip")
    obs_rows = [
        ["a", "lo", "2", "1", "True", "False", "0", "0.5"],
        ["b", "hi", "1", "", "", "True", "1", ""],
        ["ä", "", "2", "3", "False", "False", "2", "-1.25"],
        ["b", "lo", "1", "-4", "True", "True", "3", "1e+09"],
        ["a", "hi", "1", "5", "True", "False", "4", "0.1"],
    ]
    tsv("now.obs.tsv", "cell", cells, obs.columns, obs_rows)
    tsv("X.tsv", "cell", cells, genes, X)
    tsv("half.tsv", "cell", cells, genes, half)
    tsv("scaled.tsv", "cell", cells, genes, scaled)
    tsv("raw.tsv", "cell", cells, raw_genes, raw)
    tsv("pca.tsv", "cell", cells, ["X_pca_0", "X_pca_1"], pca)
    tsv("proteins.tsv", "cell", cells, ["CD3", "CD19"], [[1, 0], [2, 0], [3, 9], [4, 0], [5, 1]])
    coo = [(0, 1, 0.5), (1, 3, 0.25), (4, 0, 1.0)]
    tsv("graph.tsv", "cell", [cells[i] for i, _, _ in coo], ["column", "value"], [c[1:] for c in coo])


def layouts():
    """X as CSC, all in lzf, dense with lzf and shuffle, CSR with unsorted and repeated entries, absent."""
    o, v = pd.DataFrame(index=cells), pd.DataFrame(index=genes)
    ad.AnnData(sp.csr_matrix(X), o, v).write_h5ad(path("lzf.h5ad"), compression="lzf")
    ad.AnnData(sp.csc_matrix(X), o, v).write_h5ad(path("csc.h5ad"))
    ad.AnnData(None, o, v).write_h5ad(path("no_x.h5ad"))
    for name in ("dense", "messy"):
        ad.AnnData(None, o, v).write_h5ad(path(name + ".h5ad"))
    with h5py.File(path("dense.h5ad"), "a") as f:
        d = f.create_dataset("X", data=X.astype("i8"), compression="lzf", shuffle=True, chunks=(2, 4))
        d.attrs["encoding-type"], d.attrs["encoding-version"] = "array", "0.2.0"
    with h5py.File(path("messy.h5ad"), "a") as f:
        g = f.create_group("X")
        g.attrs["encoding-type"], g.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        g.attrs["shape"] = np.array([5, 4])
        g["data"] = np.array([1, 2, 1, 2, 0, 300, 1, 7, 70000, 5], "u4")
        g["indices"] = np.array([3, 1, 1, 0, 1, 2, 3, 0, 3, 1], "i8")
        g["indptr"] = np.array([0, 3, 5, 5, 8, 10], "i8")


def old():
    """As anndata 0.7 and 0.6 wrote."""
    s = h5py.string_dtype()
    with h5py.File(path("v07.h5ad"), "w") as f:
        for where, names in (("obs", cells), ("var", genes)):
            g = f.create_group(where)
            g.attrs["encoding-type"], g.attrs["encoding-version"] = "dataframe", "0.1.0"
            g.attrs["_index"] = "index"
            g.create_dataset("index", data=names, dtype=s)
            g.attrs["column-order"] = [] if where == "var" else ["kind", "n"]
        c = f["obs"].create_dataset("__categories/kind", data=["T", "B"], dtype=s)
        c.attrs["ordered"] = False
        f["obs/kind"] = np.array([0, 1, -1, 0, 0], "i1")
        f["obs/kind"].attrs["categories"] = c.ref
        f["obs/n"] = np.arange(5)
        g = f.create_group("X")
        g.attrs["encoding-type"], g.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        g.attrs["shape"] = np.array(X.shape)
        m = sp.csr_matrix(X)
        g["data"], g["indices"], g["indptr"] = m.data, m.indices, m.indptr
    with h5py.File(path("v06.h5ad"), "w") as f:
        obs = np.zeros(5, [("index", "S4"), ("kind", "i1"), ("n", "i8")])
        obs["index"], obs["kind"], obs["n"] = cells, [0, 1, -1, 0, 0], range(5)
        var = np.zeros(4, [("index", "S8")])
        var["index"] = genes
        obsm = np.zeros(5, [("X_pca", "f4", (2,))])
        obsm["X_pca"] = pca
        raw_var = np.zeros(5, [("index", "S8")])
        raw_var["index"] = raw_genes
        f["obs"], f["var"], f["obsm"], f["raw.var"], f["X"] = obs, var, obsm, raw_var, X
        f["uns/kind_categories"] = np.array([b"T", b"B"])
        f["uns/n_pcs"] = np.array([2])
        g = f.create_group("raw.X")
        m = sp.csr_matrix(raw)
        g.attrs["h5sparse_format"], g.attrs["h5sparse_shape"] = "csr", np.array(raw.shape)
        g["data"], g["indices"], g["indptr"] = m.data, m.indices, m.indptr
    rows = [["T", 0], ["B", 1], ["", 2], ["T", 3], ["T", 4]]
    tsv("old.obs.tsv", "cell", cells, ["kind", "n"], rows)


def tenx():
    """cellranger 3 with two antibodies and a guide, cellranger 2 with two genomes."""
    full = np.hstack([X, [[1, 0, 5], [2, 0, 5], [3, 9, 5], [4, 0, 5], [5, 1, 5]]]).astype("i4")
    types = [b"Gene Expression"] * 4 + [b"Antibody Capture"] * 2 + [b"CRISPR Guide Capture"]
    m = sp.csr_matrix(full)
    with h5py.File(path("v3.h5"), "w") as f:
        f.attrs["version"] = 2
        g = f.create_group("matrix")
        g["barcodes"] = np.array(cells, "S")
        g["data"], g["indices"], g["indptr"] = m.data, m.indices.astype("i8"), m.indptr.astype("i8")
        g["shape"] = np.array([7, 5], "i4")
        g["features/name"] = np.array(genes + ["CD3", "CD19", "guide"], "S")
        g["features/id"] = np.array([f"ENSG{i}" for i in range(4)] + ["CD3", "CD19", "guide"], "S")
        g["features/feature_type"] = np.array(types)
        g["features/genome"] = np.array([b"hg38"] * 4 + [b""] * 3)
        g["features/_all_tag_keys"] = np.array([b"genome"])
    m = sp.csr_matrix(X.astype("i4"))
    with h5py.File(path("v2.h5"), "w") as f:
        for genome, factor in (("hg19", 1), ("mm10", 2)):
            g = f.create_group(genome)
            g.attrs["TITLE"] = h5py.Empty("S1")
            g["barcodes"], g["gene_names"] = np.array(cells, "S"), np.array(genes, "S")
            g["genes"] = np.array([f"ENSG{i}" for i in range(4)], "S")
            g["data"], g["indices"], g["indptr"] = m.data * factor, m.indices, m.indptr
            g["shape"] = np.array([4, 5], "i4")
    tsv("mm10.tsv", "cell", cells, genes, 2 * X)
    tsv("v3.var.tsv", "gene", genes, ["gene_ids", "feature_types", "genome"],
        [[f"ENSG{i}", "Gene Expression", "hg38"] for i in range(4)])


def loom():
    with h5py.File(path("small.loom"), "w") as f:
        f.create_dataset("matrix", data=X.T, chunks=(2, 2), compression="gzip")
        f["layers/spliced"] = half.T.astype("f8")
        f["row_attrs/Gene"] = np.array([b"CD3D", b"MS4A1", b"NKG7", b"LYZ"])
        f["col_attrs/CellID"] = np.array(cells, dtype=h5py.string_dtype())
        f["col_attrs/kind"] = np.array([b"&#945;&amp;", b"b", b"", b"a", b"a"])
        f["col_attrs/n"] = np.arange(5)
        f["col_attrs/X_pca"] = pca
        f["col_graphs/KNN/a"] = np.arange(2)
        f.attrs["LOOM_SPEC_VERSION"] = "2.0.1"
    rows = [["α&", 0], ["b", 1], ["", 2], ["a", 3], ["a", 4]]
    tsv("loom.obs.tsv", "cell", cells, ["kind", "n"], rows)


for make in (now, layouts, old, tenx, loom):
    make()
