"""export_check.py DIR...: what sc-model exported into each DIR, as scvi-tools sees it.

DIR/latent.tsv and DIR/score.tsv are what sc-embed and sc-score --latent mean printed for the same model and cells,
DIR/classes.tsv what sc-label --soft did.
Latent means and the terms of the ELBO must agree to 1e-5, and load_query_data must take the folder. Run by
sc-model.bats where $SCVI_PYTHON names a Python with scvi-tools.
"""

import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scvi  # noqa: E402
import torch  # noqa: E402


def compare(what, got, want):
    off = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)
    print(f"{what}: off by {off:.2g}")
    assert off < 1e-5, what


def terms(model):
    """Reconstruction loss, KL(z) and KL(l) of each cell, at the means of z and l."""
    module = model.module.eval()
    rows = []
    if isinstance(model, scvi.model.TOTALVI):
        return protein_terms(model)
    with torch.no_grad():
        for batch in model._make_data_loader(model.adata, batch_size=128):
            q = module.inference(**module._get_inference_input(batch))
            q["z"] = module.z_encoder.z_transformation(q["qz"].loc)
            if q["ql"] is not None:
                q["library"] = q["ql"].loc
            p = module.generative(**module._get_generative_input(batch, q))
            loss = module.loss(batch, q, p)
            rec = next(iter(loss.reconstruction_loss.values()))
            kl = loss.kl_local
            kl_l = torch.as_tensor(kl["kl_divergence_l"]).expand_as(rec)
            rows.append(torch.stack([rec, kl["kl_divergence_z"], kl_l], 1))
    return torch.cat(rows).numpy()


def protein_terms(model):
    """Of TOTALVI, which draws z, the library size and the background: at their means."""
    module, rows = model.module.eval(), []
    draw = torch.distributions.Normal.rsample
    torch.distributions.Normal.rsample = lambda self, *_: self.loc
    with torch.no_grad():
        for batch in model._make_data_loader(model.adata, batch_size=128):
            loss = module(batch)[2]
            rec, kl = loss.reconstruction_loss, loss.kl_local
            parts = [sum(rec.values()), kl["kl_div_z"], kl["kl_div_l_gene"] + torch.zeros(len(kl["kl_div_z"]))]
            rows.append(torch.stack([*parts, kl["kl_div_back_pro"]], 1))
    torch.distributions.Normal.rsample = draw
    return torch.cat(rows).numpy()


def has_all_biases(module):
    """False where scvi-tools' own surgery trips over a layer without one."""
    return all(m.bias is not None for m in module.modules() if isinstance(m, torch.nn.Linear))


def new_value(column):
    """One that the column does not have, of its own kind; of booleans there is none."""
    if pd.api.types.is_bool_dtype(column):
        return column
    return column.max() + 1 if pd.api.types.is_numeric_dtype(column) else "a batch of its own"


def check(folder):
    name = torch.load(f"{folder}/model.pt", weights_only=False)["attr_dict"]["registry_"]["model_name"]
    cls = getattr(scvi.model, name)
    model = cls.load(folder, accelerator="cpu")
    print(folder, name)
    if name == "TOTALVI":  # no return_dist there
        qz_m = model.get_latent_representation()
    else:
        qz_m, _ = model.get_latent_representation(return_dist=True)
    want = pd.read_csv(f"{folder}/latent.tsv", sep="\t", index_col=0)
    assert list(want.index) == list(model.adata.obs_names)
    if model.module.latent_distribution == "normal":
        compare("latent", qz_m, want.to_numpy())
    if name == "SCANVI":  # its loss draws z2 anew each time; its classes are the same each time
        want = pd.read_csv(f"{folder}/classes.tsv", sep="\t", index_col=0)
        compare("classes", model.predict(soft=True)[want.columns].to_numpy(), want.to_numpy())
    else:
        want = pd.read_csv(f"{folder}/score.tsv", sep="\t", index_col=0)
        got = terms(model)
        for k, column in enumerate(["reconstruction", "kl_z", "kl_l", "kl_back_pro"][: got.shape[1]]):
            compare(column, got[:, k], want[column].to_numpy())
        compare("elbo", -got.sum(1), want["elbo"].to_numpy())

    if hasattr(cls, "load_query_data") and has_all_biases(model.module):
        query = model.adata[: model.adata.n_obs // 2].copy()
        key = model.adata_manager.registry["setup_args"]["batch_key"]
        if key:
            query.obs[key] = new_value(query.obs[key])
        new = cls.load_query_data(query, folder, accelerator="cpu")
        new.train(max_epochs=1, accelerator="cpu", enable_progress_bar=False)
        assert np.isfinite(new.get_latent_representation()).all()
        print("load_query_data: taken")


for at in sys.argv[1:]:
    check(at)
