/* Pictures of models and cells. The drawing is in sc-plot/. */
#include "sc-plot/plot.h"
#include "sc_cli.h"

#include <fontconfig/fontconfig.h>

#include <stdio.h>
#include <string.h>

typedef struct options {
    sc_common common;
    plot_opts plot;
} options;

static const sc_param params[] = {
    SC_STRING(options, plot.color, "color", "COL",
              "latent, umap: obs column to colour by; otherwise by density"),
    SC_STRING(options, plot.use_rep, "use-rep", "KEY",
              "latent, umap: obsm to draw; default the only one, for umap X_umap"),
    SC_BOOL(options, plot.all, "all", false,
            "history: reconstruction loss and KL divergence beside the ELBO"),
    SC_STRING(options, plot.title, "title", "TEXT", "heading of the picture"),
    SC_CHOICE(options, plot.format, "format", 0, "auto|svg|png|pdf",
              "auto: by the suffix of the output, svg on standard output"),
    SC_INT(options, plot.dpi, "dpi", 200, 30, 1200,
           "pixels an inch, of a png and of crowded points in svg and pdf"),
    SC_PARAM_END};

static const sc_tool tool = {"sc-plot",
                             "Draws pictures: history of a training, latent space, UMAP.",
                             "history|latent|umap [IN]",
                             1,
                             2,
                             SC_TOOL_OUTPUT,
                             params,
                             sizeof(options),
                             "sc-plot history -o h.svg m.scm"};

typedef struct picture {
    const char *name;
    sc_status (*draw)(const plot_opts *, sc_reader *, sc_err *);
    bool is_scatter;
} picture;

static sc_status find_picture(const options *o, picture *out, sc_err *err)
{
    static const picture pictures[] = {
        {"history", plot_history, false}, {"latent", plot_latent, true}, {"umap", plot_umap, true}};
    const char *name = o->common.operands[0];
    for (int k = 0; k < 3; k++) {
        if (strcmp(pictures[k].name, name) != 0)
            continue;
        *out = pictures[k];
        if (!out->is_scatter && (o->plot.color || o->plot.use_rep))
            return sc_fail(err, SC_EUSAGE, "--%s is for cells, not for a history",
                           o->plot.color ? "color" : "use-rep");
        if (out->is_scatter && o->plot.all)
            return sc_fail(err, SC_EUSAGE, "--all is for a history, not for cells");
        return SC_OK;
    }
    return sc_fail(err, SC_EUSAGE, "there is no picture '%s': history, latent and umap are drawn",
                   name);
}

static sc_status run(options *o, sc_err *err)
{
    sc_reader *in = NULL;
    picture p = {0};
    o->plot.output = o->common.output;
    SC_TRY(find_picture(o, &p, err));
    sc_status st =
        sc_reader_open_any_path(&in, o->common.n_operands > 1 ? o->common.operands[1] : NULL, err);
    if (st == SC_OK)
        st = p.draw(&o->plot, in, err);
    sc_reader_close(in);
    cairo_debug_reset_static_data(); /* fonts that were kept: a leak checker would count them */
    FcFini();
    return st;
}

int main(int argc, char **argv)
{
    options o;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &err);
    sc_cli_free(&o);
    return sc_cli_exit(&tool, st, &err);
}
