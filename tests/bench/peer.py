"""What tests/bench/run compares with: the same work in scvi-tools and scanpy. A task prints its seconds and peak KB.

   python peer.py train MODEL LIKELIHOOD FILE BATCH THREADS EPOCHS
   python peer.py surgery MODEL MODEL_DIR FILE BATCH THREADS EPOCHS
   python peer.py embed MODEL_DIR FILE THREADS | hvg FILE | read FILE | decode FILE
   python peer.py tutorial FOLDER THREADS EPOCHS | graph FILE THREADS
   python peer.py serve         tasks of training from stdin, a line each, so that imports count once
"""

import gc
import sys
import time


def threads(n):
    import torch

    torch.set_num_threads(int(n))


def quiet():
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    import scvi

    scvi.settings.verbosity = 40
    for name in ("lightning.pytorch", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return scvi


def model_of(scvi, name, likelihood, adata):
    if name == "totalvi":
        scvi.model.TOTALVI.setup_anndata(adata, protein_expression_obsm_key="protein_expression", batch_key="batch")
        return scvi.model.TOTALVI(adata)
    if name == "scanvi":
        scvi.model.SCANVI.setup_anndata(adata, labels_key="few", unlabeled_category="Unknown")
        return scvi.model.SCANVI(adata)
    cls = {"scvi": scvi.model.SCVI, "ldvae": scvi.model.LinearSCVI}[name]
    cls.setup_anndata(adata)
    return cls(adata, gene_likelihood=likelihood)


def cells(path, cache={}):
    """The cells of the last file asked for; a copy, since models write into them."""
    import anndata

    if path not in cache:
        cache.clear()
        cache[path] = anndata.read_h5ad(path)
    return cache[path].copy()


def timed_training(model, batch, epochs, **options):
    start = time.perf_counter()
    model.train(
        max_epochs=int(epochs), batch_size=int(batch), accelerator="cpu", train_size=1.0, validation_size=0.0,
        enable_progress_bar=False, enable_model_summary=False, early_stopping=False, **options,
    )
    return time.perf_counter() - start


def train(name, likelihood, path, batch, n_threads, epochs):
    scvi = quiet()
    threads(n_threads)
    scvi.settings.seed = 0
    model = model_of(scvi, name, likelihood, cells(path))
    return timed_training(model, batch, epochs, **({"reduce_lr_on_plateau": False} if name == "totalvi" else {}))


def surgery(name, reference, path, batch, n_threads, epochs):
    scvi = quiet()
    threads(n_threads)
    scvi.settings.seed = 0
    cls = {"scvi": scvi.model.SCVI, "totalvi": scvi.model.TOTALVI}[name]
    model = cls.load_query_data(cells(path), reference, accelerator="cpu")
    return timed_training(
        model, batch, epochs, plan_kwargs={"weight_decay": 0.0},
        **({"reduce_lr_on_plateau": False} if name == "totalvi" else {}),
    )


def embed(path, h5ad, n_threads):
    scvi = quiet()
    import anndata

    threads(n_threads)
    adata = anndata.read_h5ad(h5ad)
    model = scvi.model.SCVI.load(path, adata, accelerator="cpu")
    adata.obsm["X_scVI"] = model.get_latent_representation()
    adata.write_h5ad(h5ad + ".out")


def read(path):
    import scanpy

    data = scanpy.read_10x_mtx(path) if not path.endswith(".h5ad") else scanpy.read_h5ad(path)
    data.write_h5ad(path.rstrip("/") + ".peer")


def hvg(path):
    import scanpy

    data = scanpy.read_h5ad(path)
    data.layers["counts"] = data.X.copy()
    scanpy.pp.normalize_total(data, target_sum=1e4)
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=1000, flavor="seurat_v3", layer="counts", subset=True)
    data.write_h5ad(path + ".out")


def decode(path):
    import anndata

    anndata.read_h5ad(path)


def tutorial(folder, n_threads, epochs):
    import tarfile
    import tempfile

    import anndata
    import scanpy

    scvi = quiet()
    threads(n_threads)
    parts = []
    for name in "abc":
        with tempfile.TemporaryDirectory() as out, tarfile.open(f"{folder}/{name}.tar.gz") as tar:
            tar.extractall(out)
            parts.append(scanpy.read_10x_mtx(out + "/filtered_feature_bc_matrix"))
            parts[-1].var_names_make_unique()
    data = anndata.concat(parts, join="inner", label="batch", keys=list("abc"), index_unique="-")
    data.layers["counts"] = data.X.copy()
    scanpy.pp.normalize_total(data, target_sum=1e5)
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=1000, flavor="seurat_v3", layer="counts", subset=True)
    scvi.settings.seed = 0
    scvi.model.LinearSCVI.setup_anndata(data, layer="counts")
    model = scvi.model.LinearSCVI(data, n_latent=10)
    model.train(
        max_epochs=int(epochs), plan_kwargs={"lr": 5e-3}, check_val_every_n_epoch=10, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )
    model.get_loadings().to_csv(folder + "/peer.loadings.csv")
    data.obsm["X_ldvae"] = model.get_latent_representation()
    data.write_h5ad(folder + "/peer.h5ad")


def graph(path, n_threads):
    """Neighbors, layout and clusters; the seconds and peak KB of each, too."""
    import numba
    import scanpy
    import scipy.sparse

    if not hasattr(scipy.sparse.csr_array, "getnnz"):  # scanpy 1.11 takes pynndescent 0.7's answer for a csr_matrix
        scipy.sparse.csr_array.getnnz = lambda self, axis=None: self._getnnz(axis=axis)
    numba.set_num_threads(int(n_threads))
    data = scanpy.read_h5ad(path)
    steps = {
        "neighbors": lambda: scanpy.pp.neighbors(data, n_neighbors=15, use_rep="X"),
        "umap": lambda: scanpy.tl.umap(data, min_dist=0.3),
        "leiden": lambda: scanpy.tl.leiden(data, flavor="igraph", n_iterations=2, directed=False),
    }
    for name, step in steps.items():
        peak_kb(reset=True)
        start = time.perf_counter()
        step()
        print(f"{name} {time.perf_counter() - start:.4f} {peak_kb()}", flush=True)
    data.write_h5ad(path + ".out")


def peak_kb(reset=False):
    """The largest resident memory since the start or the last reset."""
    if reset:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def run(argv):
    peak_kb(reset=True)
    start = time.perf_counter()
    seconds = globals()[argv[0]](*argv[1:])
    seconds = seconds if seconds is not None else time.perf_counter() - start
    print(f"{seconds:.4f} {peak_kb()}", flush=True)
    gc.collect()


def serve():
    for line in sys.stdin:
        run(line.split())
    sys.exit(0)


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else run(sys.argv[1:])
