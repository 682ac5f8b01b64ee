/* sc-model export: a folder that scvi-tools loads. */
#include "model.h"
#include "sc_scvi_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sc_status write_whole(int fd, const char *name, const void *bytes, size_t n, sc_err *err)
{
    for (size_t done = 0; done < n;) {
        const ssize_t k = write(fd, (const char *)bytes + done, n - done);
        if (k < 0 && errno != EINTR)
            return sc_fail_errno(err, "%s", name);
        done += k > 0 ? (size_t)k : 0;
    }
    return SC_OK;
}

static sc_status write_model(const sc_net *net, const sc_scvi_cells *cells, const char *dir,
                             sc_err *err)
{
    sc_pt_writer *w = NULL;
    sc_output out = {.fd = -1};
    char path[4096];
    const void *bytes;
    size_t n;
    sc_status st;
    if (snprintf(path, sizeof path, "%s/model.pt", dir) >= (int)sizeof path)
        return sc_fail(err, SC_EIO, "the path of '%s' is too long", dir);
    SC_GOTO(st, sc_pt_writer_new(&w, err), out);
    SC_GOTO(st, sc_scvi_export(net, cells, w, err), out);
    SC_GOTO(st, sc_pt_writer_finish(w, &bytes, &n, err), out);
    SC_GOTO(st, sc_output_open(&out, path, true, err), out);
    SC_GOTO(st, write_whole(out.fd, path, bytes, n, err), out);
    st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    sc_pt_writer_free(w);
    return st;
}

/* The model comes last: a folder with a model.pt is complete. */
sc_status model_export(const model_opts *o, const char *const *operands, FILE *to, sc_err *err)
{
    const char *dir = operands[0], *in = o->common.n_operands > 3 ? operands[2] : NULL;
    sc_net net;
    exported_cells cells = {0};
    (void)to;
    SC_TRY(sc_net_read(&net, operands[1], err));
    sc_status st = SC_OK;
    const bool is_new = mkdir(dir, 0777) == 0;
    if (!is_new && errno != EEXIST)
        st = sc_fail_errno(err, "%s: cannot make the folder", dir);
    if (st == SC_OK && in)
        st = write_cells(o, &net, in, dir, &cells, err);
    const sc_scvi_cells told = {cells.n_obs, cells.layer, &cells.obs};
    if (st == SC_OK)
        st = write_model(&net, in ? &told : NULL, dir, err);
    if (st != SC_OK && is_new)
        (void)rmdir(dir); /* if it has nothing */
    exported_cells_free(&cells);
    sc_net_free(&net);
    return st;
}
