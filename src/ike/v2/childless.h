/* Childless initiation, RFC 6023: an IKE SA that stands without a child, whose children come by
 * CREATE_CHILD_SA. */
#pragma once

#include "ike/exchange.h"

/* Rows of the table of features. */
void childless_put_init(struct exchange *x);
void childless_read_init(struct exchange *x);

/* As initiator: whether IKE_AUTH shall go without the child (NULL: there is none). STEP_REJECT
 * where the configuration and what the peer announced don't allow it. */
enum step childless_decide(
	struct exchange *x, const struct child_config *child, bool *ret_childless);

/* As responder: false, refused, where the configuration doesn't allow what the peer wants. */
bool childless_accepts(struct exchange *x, bool with_child);
