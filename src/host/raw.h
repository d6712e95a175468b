/* Raw sockets for ESP as IP protocol 50, where there is no NAT to cross. */
#pragma once

#include "host/datagram.h"

struct raw {
	struct datagram_socket sockets[2]; /* IPv4, IPv6 */
};

/* Returns 0, or a negative errno with words for people in `problem`. A host without IPv6 is fine.
 */
int raw_open(struct raw *raw, const struct datagram_options *options, char *problem,
	size_t problem_size);
void raw_close(struct raw *raw);

/* NULL where the family isn't there. */
struct datagram_socket *raw_socket(struct raw *raw, uint8_t family);
