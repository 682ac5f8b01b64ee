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
    SC_STRING(
        options, plot.color, "color", "NAME[,NAME]",
        "latent, umap: obs columns or genes to colour by, a panel each; otherwise by density"),
    SC_CHOICE(options, plot.names, "names", PLOT_NAMES_AUTO, "auto|on|off",
              "latent, umap: write categories on the cells; auto: where one panel has more than 8"),
    SC_STRING(options, plot.layer, "layer", "NAME",
              "matrix of the gene: X, raw or a layer; default X, then raw"),
    SC_STRING(options, plot.use_rep, "use-rep", "KEY",
              "obsm to draw; default X_umap for umap, for others the only one, layouts aside"),
    SC_STRING(options, plot.key, "key", "NAME",
              "violin: obs column of numbers, or gene; dots: genes, with commas"),
    SC_STRING(options, plot.group_by, "group-by", "COL", "violin, dots: obs column of the groups"),
    SC_STRING(options, plot.truth, "truth", "COL",
              "calibration, confusion: obs column of what is right"),
    SC_STRING(options, plot.pred, "pred", "COL", "confusion: obs column of what was predicted"),
    SC_INT(options, plot.top, "top", 0, 0, 50, "loadings: genes in each direction; 0: five"),
    SC_BOOL(options, plot.all, "all", false,
            "history: reconstruction loss and KL divergence beside the ELBO"),
    SC_STRING(options, plot.title, "title", "TEXT", "heading of the picture"),
    SC_CHOICE(options, plot.format, "format", 0, "auto|svg|png|pdf",
              "auto: by the suffix of the output, svg on standard output"),
    SC_INT(options, plot.dpi, "dpi", 200, 30, 1200,
           "pixels an inch, of a png and of crowded points in svg and pdf"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-plot",
    .brief =
        "Draws pictures: history, loadings, latent, umap, violin, dots, calibration, confusion.",
    .operands = "PICTURE [IN]",
    .min_operands = 1,
    .max_operands = 2,
    .flags = SC_TOOL_OUTPUT,
    .params = params,
    .opts_size = sizeof(options),
    .example = "sc-plot umap --color CD3E -o umap.svg clusters.scz",
};

enum {
    TAKES_COLOR = 1,
    TAKES_LAYER = 2,
    TAKES_REP = 4,
    TAKES_KEY = 8,
    TAKES_TRUTH = 16,
    TAKES_PRED = 32,
    TAKES_TOP = 64,
    TAKES_ALL = 128,
    OPENS_ITSELF = 256,
    OF_MODELS = 512
};

typedef struct picture {
    const char *name;
    sc_status (*draw)(const plot_opts *, sc_reader *, sc_err *);
    unsigned takes;
} picture;

static const picture pictures[] = {
    {"history", plot_history, TAKES_ALL | OF_MODELS},
    {"loadings", plot_loadings, TAKES_TOP | OPENS_ITSELF},
    {"latent", plot_latent, TAKES_COLOR | TAKES_LAYER | TAKES_REP},
    {"umap", plot_umap, TAKES_COLOR | TAKES_LAYER | TAKES_REP},
    {"violin", plot_violin, TAKES_KEY | TAKES_LAYER},
    {"dots", plot_dots, TAKES_KEY | TAKES_LAYER},
    {"calibration", plot_calibration, TAKES_TRUTH | TAKES_REP},
    {"confusion", plot_confusion, TAKES_TRUTH | TAKES_PRED},
};
enum { N_PICTURES = sizeof pictures / sizeof *pictures };

/* An option that this picture has no use for is a mistake, and says whose it is. */
static sc_status check_options(const picture *p, const plot_opts *o, sc_err *err)
{
    const struct {
        const char *name;
        bool is_given;
        unsigned bit;
    } given[] = {
        {"color", o->color, TAKES_COLOR},       {"layer", o->layer, TAKES_LAYER},
        {"use-rep", o->use_rep, TAKES_REP},     {"key", o->key, TAKES_KEY},
        {"group-by", o->group_by, TAKES_KEY},   {"truth", o->truth, TAKES_TRUTH},
        {"pred", o->pred, TAKES_PRED},          {"top", o->top != 0, TAKES_TOP},
        {"all", o->all, TAKES_ALL | OF_MODELS}, {"names", o->names != 0, TAKES_COLOR},
    };
    for (size_t k = 0; k < sizeof given / sizeof *given; k++) {
        if (!given[k].is_given || (p->takes & given[k].bit))
            continue;
        char whose[128] = "";
        for (int i = 0; i < N_PICTURES; i++)
            if (pictures[i].takes & given[k].bit) {
                const size_t n = strlen(whose);
                (void)snprintf(whose + n, sizeof whose - n, "%s%s", n ? ", " : "",
                               pictures[i].name);
            }
        return sc_fail(err, SC_EUSAGE, "--%s means nothing to %s: it is for %s", given[k].name,
                       p->name, whose);
    }
    return SC_OK;
}

static sc_status find_picture(const options *o, const picture **out, sc_err *err)
{
    const char *name = o->common.operands[0];
    for (int k = 0; k < N_PICTURES; k++)
        if (strcmp(pictures[k].name, name) == 0) {
            *out = &pictures[k];
            return check_options(*out, &o->plot, err);
        }
    return sc_fail(err, SC_EUSAGE,
                   "there is no picture '%s': history, loadings, latent, umap, violin, "
                   "dots, calibration and confusion are drawn",
                   name);
}

static sc_status run(void *opts, sc_err *err)
{
    options *o = opts;
    sc_reader *in = NULL;
    const picture *p = NULL;
    o->plot.output = o->common.output;
    o->plot.input = o->common.n_operands > 1 ? o->common.operands[1] : NULL;
    SC_TRY(find_picture(o, &p, err));
    sc_status st = p->takes & OPENS_ITSELF ? SC_OK
                   : p->takes & OF_MODELS  ? sc_reader_open_any_path(&in, o->plot.input, err)
                                           : sc_reader_open_path(&in, o->plot.input, err);
    if (st == SC_OK)
        st = p->draw(&o->plot, in, err);
    if (in)
        (void)sc_err_name(err, st, sc_reader_name(in));
    sc_reader_close(in);
    cairo_debug_reset_static_data(); /* fonts that were kept: a leak checker would count them */
    FcFini();
    return st;
}

int main(int argc, char **argv)
{
    options o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}
