/*
 * A model's options as the arguments of scvi-tools' constructors (init_params_ of a model.pt), both
 * ways, by the plugin's table scvi_args.
 */
#ifndef SC_SCVI_ARGS_H
#define SC_SCVI_ARGS_H

#include "sc_net.h"
#include "sc_pt_write.h"

/* Sets net's options from the file's arguments; those that it lacks keep their values. SC_EFORMAT
 * naming the argument if one has a value that no option can take, or is unknown to a plugin that
 * has a table. */
sc_status sc_scvi_args_read(sc_net *net, const sc_pt *pt, sc_err *err) SC_MUST_CHECK;

/* Puts the dict init_params_ of net. SC_EUSAGE naming the option where scvi-tools has no such
 * thing. */
sc_status sc_scvi_args_write(const sc_net *net, sc_pt_writer *w, sc_err *err) SC_MUST_CHECK;

#endif
