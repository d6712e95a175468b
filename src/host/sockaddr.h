/* Between our addresses and the kernel's. */
#pragma once

#include "base/address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

static inline struct endpoint endpoint_of_sockaddr(const void *from)
{
	const struct sockaddr *any = from;
	struct endpoint e = { 0 };

	if (any->sa_family == AF_INET) {
		const struct sockaddr_in *in = from;

		e.address = address_from(BYTES(&in->sin_addr, 4));
		e.port = ntohs(in->sin_port);
	} else if (any->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = from;

		e.address = address_from(BYTES(&in->sin6_addr, 16));
		e.port = ntohs(in->sin6_port);
	}
	return e;
}

/* Returns the size of what it wrote. */
static inline socklen_t sockaddr_of_endpoint(const struct endpoint *e, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (e->address.family == 6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)out;

		in->sin6_family = AF_INET6;
		in->sin6_port = htons(e->port);
		memcpy(&in->sin6_addr, e->address.octets, 16);
		return sizeof(*in);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(e->port);
		memcpy(&in->sin_addr, e->address.octets, 4);
		return sizeof(*in);
	}
}

/* The kernel's vectors serve both directions, so they have no const; a sender's are only read. */
static inline struct iovec iovec_of(struct bytes from)
{
	union {
		const void *given;
		void *taken;
	} pointer = { .given = from.data };

	return (struct iovec){ pointer.taken, from.size };
}
