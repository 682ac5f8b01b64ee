#include "sc_mixing.h"

#include "sc_predict.h"

#include <math.h>
#include <string.h>

enum { FORE, BACK, LOGIT };

sc_status sc_mixing_find(sc_mixing *m, const sc_net *net, sc_err *err)
{
    static const char *const names[] = {"py_rate_fore", "py_rate_back", "py_mixing"};
    for (int k = 0; k < 3; k++) {
        const int at = sc_graph_output(net->g, names[k]);
        if (at < 0)
            return sc_fail(err, SC_EUSAGE,
                           "model '%s' has no proteins, of which some would be background",
                           net->handle.plugin->name);
        m->nodes[k] = net->g->outputs[at].node;
    }
    m->n_proteins = net->dims.n_proteins;
    return SC_OK;
}

bool sc_mixing_makes(const char *output)
{
    return strcmp(output, "protein_denoised") == 0 ||
           strcmp(output, "protein_with_background") == 0 || strcmp(output, "py_scale") == 0;
}

void sc_mixing_row(const sc_mixing *m, const char *name, const sc_infer *x, int64_t from, int64_t i,
                   uint64_t seed, uint32_t draw_no, float *out)
{
    const int64_t n = m->n_proteins;
    const float *fore = sc_infer_value(x, m->nodes[FORE]) + i * n,
                *back = sc_infer_value(x, m->nodes[BACK]) + i * n,
                *logit = sc_infer_value(x, m->nodes[LOGIT]) + i * n;
    const bool adds = strcmp(name, "protein_with_background") == 0,
               is_share = strcmp(name, "py_scale") == 0;
    sc_rng rng = sc_predict_rng(x, from + i, seed, draw_no, SC_DRAWS_MIXING);
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
        const bool is_back = sc_rng_uniform(&rng) < 1 / (1 + exp(-(double)logit[j]));
        out[j] = !is_back ? fore[j] : adds ? back[j] : 0;
        sum += (double)out[j];
    }
    for (int64_t j = 0; j < n && is_share && sum > 0; j++)
        out[j] = (float)((double)out[j] / sum);
}
