/* Name servers that peers gave us, told to the host: by resolvectl (systemd-resolved) or resolvconf
 * where they are, else as marked lines of a resolv.conf. */
#pragma once

#include "base/address.h"

#include <uv.h>

struct resolver;

#define RESOLVER_SERVERS_MAX 16
#define RESOLVER_DOMAINS_MAX 32

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

/* What a peer gave. Domains have only what is in host names. */
struct resolver_given {
	size_t count;
	const struct address *servers;
	const char
		*search; /* domains that names may be said without, with spaces between; "": none */
	const char *only; /* likewise: the servers are for names in these; "": for all. Only
			       resolvectl can tell anybody: elsewhere they are asked for all */
};

/* Several peers may name the same server or domain: it goes with the last. */
void resolver_add(struct resolver *r, const struct resolver_given *given);
void resolver_remove(struct resolver *r, const struct resolver_given *given);

/* The text of a resolv.conf without our lines and with `given` before the rest, but its domains after
 * it, where they count; malloc'ed, NULL where memory ran out. All other octets stay as they are; a last
 * line without an end gets one. */
char *resolver_text(struct bytes before, const struct resolver_given *given, size_t *ret_size);
