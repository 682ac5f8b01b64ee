/*
 * An HDF5 file driver for writing that never fails: HDF5 (1.10) frees a dataset twice when the disk
 * is full as it closes it, and crashes at exit. Here the first failure is kept for the caller, who
 * asks after each step, and what follows is thrown away.
 */
#ifndef SC_FORMATS_H5AD_DISK_H
#define SC_FORMATS_H5AD_DISK_H

#include <hdf5.h>

/*
 * Makes fapl write with this driver. *why, which lives until the file is closed, gets the errno of
 * the first write that failed; opening fails as usual. The identifier of the driver is the
 * caller's, to be given back with H5Idec_ref when the file is closed; negative: HDF5 refused.
 */
hid_t h5disk_use(hid_t fapl, int *why);

#endif
