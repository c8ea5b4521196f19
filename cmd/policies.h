/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy files of a cleaning: which are read, and what is wrong in them. */
#ifndef CMD_POLICIES_H
#define CMD_POLICIES_H

#include <ipctool/clean.h>

#include "codes.h"
#include "options.h"

#define POLICY_DIRECTORY IPCTOOL_SYSCONFDIR "/ipctool/clean.d"

/* Zero-initialised: the files of POLICY_DIRECTORY alone. */
struct policies {
	struct strings files; /* that come before those of the directory */
	char *directory;      /* instead of POLICY_DIRECTORY; NULL: that one */
	struct ipc_policy *policy;
};

/*
 * Read all of them. Whatever is wrong is told, all of it; nothing must be removed then, for a rule that protects may be
 * missing. CODE_DONE, or the exit code. app->ctx has to be there.
 */
enum code policies_read(struct policies *policies, const struct app *app);
/* "3 rules in 2 files" */
void policies_sum_up(const struct policies *policies, struct text *out);
void policies_release(struct policies *policies);

#endif
