/* The UDP sockets: 500 for IKE, 4500 for IKE and ESP together, each for IPv4 and IPv6. */
#pragma once

#include "host/datagram.h"

struct udp_options {
	uint16_t port, port_nat_t; /* 0: the kernel chooses */
	struct datagram_options datagram;
};

#define UDP_SOCKETS 4

struct udp {
	struct datagram_socket sockets[UDP_SOCKETS]; /* closed where the family isn't there */
	uint16_t port, port_nat_t;
};

/* Returns 0, or a negative errno with words for people in `problem`. A host without IPv6 is fine.
 */
int udp_open(struct udp *u, const struct udp_options *options, char *problem, size_t problem_size);
void udp_close(struct udp *u);

/* What a datagram on one of our ports is: RFC 3948 §2. IKE loses its marker. */
enum udp_content { UDP_IKE, UDP_ESP, UDP_NOTHING };
enum udp_content udp_classify(bool nat_t, struct bytes data, struct bytes *ret_content);

bool udp_is_keepalive(struct bytes data); /* one octet, 0xff: RFC 3948 §2.3 */

/* The socket that a path's local end stands for; NULL where we have none. */
struct datagram_socket *udp_socket(struct udp *u, const struct ike_path *path);

/* Sends one IKE message, without DF, with the marker where it is due. */
int udp_send_ike(struct udp *u, const struct ike_path *path, struct bytes datagram);
