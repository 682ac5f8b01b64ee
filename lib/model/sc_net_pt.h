/*
 * Of sc_net_file.c: what scvi-tools' saved models say of themselves.
 */
#ifndef SC_NET_PT_H
#define SC_NET_PT_H

#include "sc_net.h"
#include "sc_pt.h"

/* The plugin that reads models of this class, its name in variant (n bytes); SC_EUSAGE: none,
 * naming those there are; SC_EFORMAT: no class. */
sc_status sc_net_pt_variant(const char *class_name, char *variant, size_t n,
                            sc_err *err) SC_MUST_CHECK;
/* Sizes, genes, proteins and what was measured of them, categories and keys, into a new net. */
sc_status sc_net_pt_data(sc_net *net, const sc_pt *pt, sc_err *err) SC_MUST_CHECK;

#endif
