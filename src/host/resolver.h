/* Name servers that peers gave us, told to the host: by resolvectl (systemd-resolved) or resolvconf
 * where they are, else as marked lines of a resolv.conf. */
#pragma once

#include "base/address.h"

#include <uv.h>

struct resolver;

#define RESOLVER_SERVERS_MAX 16

struct resolver_options {
	uv_loop_t *loop;
	const char *interface; /* tern0; lent */
	const char *file;      /* lent; "": /etc/resolv.conf, and that only without a program */
	const char
		*resolvconf; /* lent; a program like resolvconf to use always; "": what is there */
	bool install;        /* false: nothing is told to anybody */
	void (*failed)(void *context, const char *text);
	void *context;
};

/* Takes out what a crashed run left. NULL where memory ran out. */
struct resolver *resolver_new(const struct resolver_options *options);
void resolver_close(struct resolver *r); /* takes everything back; the loop has to go on for that */
void resolver_free(struct resolver *r);  /* when the loop has nothing more to do */

/* Several peers may name the same server: it goes with the last. */
void resolver_add(struct resolver *r, const struct address *servers, size_t count);
void resolver_remove(struct resolver *r, const struct address *servers, size_t count);

/* The text of a resolv.conf without our lines and with `servers` before the rest; malloc'ed, NULL
 * where memory ran out. All other octets stay as they are. */
char *resolver_text(
	struct bytes before, const struct address *servers, size_t count, size_t *ret_size);
