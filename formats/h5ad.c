/*
 * AnnData's h5ad files, of every version since 0.5: see h5ad/. The layouts are those of
 * spec/formats.md section 3.
 */
#include "h5ad/h5ad.h"

static int probe(const sc_source *src)
{
    hid_t file = 0;
    const int score = h5_probe(&file, src->head, src->head_len, src->path, src->name, ".h5ad", 20);
    if (score >= 0)
        return score;
    const bool is_ours = h5_has(file, "obs") && h5_has(file, "var");
    h5_close(&file);
    return is_ours ? 95 : 2;
}

static const sc_param params[] = {
    SC_STRING(h5ad_opts, use, "use", "X|raw|layers/NAME",
              "what becomes X (with raw, the genes are raw's and layers are left out)"),
    SC_PARAM_END};

static const sc_param write_params[] = {
    SC_CHOICE(h5ad_write_opts, compression, "compression", 0, "none|gzip", "of the file"),
    SC_PARAM_END};

static const sc_format format = {
    .size = sizeof(sc_format),
    .flags = SC_FORMAT_SEEKS,
    .suffixes = "h5ad",
    .probe = probe,
    .open = h5ad_open,
    .next = h5ad_next,
    .close = h5ad_close,
    .create = h5ad_create,
    .put = h5ad_put,
    .finish = h5ad_finish,
    .discard = h5ad_discard,
    .write_params = write_params,
    .write_opts_size = sizeof(h5ad_write_opts),
};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof(sc_plugin),
    .kind = SC_KIND_FORMAT,
    .name = "h5ad",
    .brief = "AnnData's HDF5 files",
    .doc =
        "Reads what anndata 0.5 and later wrote: X, layers and raw (dense, CSR or CSC), obs, var, "
        "obsm, varm, obsp and uns. Writes as anndata 0.8 and later do.",
    .source = "anndata's on-disk format, 0.1.0 to 0.12",
    .params = params,
    .opts_size = sizeof(h5ad_opts),
    .impl = &format,
};
