/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory of an archive and the files in it: opened without following links, and trusted only where no stranger wrote. */
#ifndef CMD_VAULT_H
#define CMD_VAULT_H

#include <sys/stat.h>

#include "codes.h"
#include "command.h"

/*
 * Open the directory @path, which is made when @made is given and there is none (*@made tells). Its descriptor, or -1 after a
 * message with the exit code in *@code: no directory, a symbolic link, or one that strangers may write to.
 */
int vault_open(const struct app *app, const char *path, bool *made, enum code *code);
/* Take a directory that vault_open() made away again, if nothing is in it. */
void vault_forget(const char *path);

/*
 * Open the file @name of it for reading, and look at it: a regular one that no stranger could write. Its descriptor, or
 * -errno with the reason in @why (-EBUSY: one could have), @st untouched then.
 */
int vault_open_file(int vault, const char *name, struct stat *st, struct text *why);

#endif
