//! `product`: what is known of a reservation, and what it is told.

use super::{Never, named};

named! {
    /// How a reservation stands.
    Known {
        Unheard "unheard",
        Awaited "awaited",
        AwaitedWithParts "awaited, parts told",
        Refused "refused",
        Reserved "reserved",
        Allocated "allocated",
        PartlyCancelled "allocated, part cancelled",
        PartlyShipped "allocated, part shipped",
        Ended "ended",
    }
}

named! {
    Heard {
        Placed "placed",
        PlacedTooLate "placed, too late",
        Claimed "claimed",
        Refused "claim refused",
        Confirmed "confirmed",
        Rejected "rejected",
        Expired "expired",
        Cancelled "cancelled",
        PartCancelled "part cancelled",
        Shipped "shipped",
        Returned "returned",
        TimePassed "time passed",
    }
}

use Heard as H;
use Known as K;

const ALLOCATED: &[Known] = &[K::Allocated, K::PartlyCancelled, K::PartlyShipped];
/// What order says only of an order that it has confirmed.
const OF_CONFIRMED: &[Heard] = &[H::Confirmed, H::PartCancelled, H::Shipped, H::Returned];

pub const NEVER: &[Never<Known, Heard>] = &[
    Never {
        states: &[K::Unheard, K::Refused],
        inputs: OF_CONFIRMED,
        reason: "order confirms only what product has told it is reserved",
    },
    Never {
        states: &[K::Awaited, K::AwaitedWithParts],
        inputs: &[],
        reason: "order confirms only what product has told it is reserved, so nothing is confirmed unheard",
    },
    Never {
        states: &[K::Unheard],
        inputs: &[H::TimePassed],
        reason: "only reservations that were answered are listed",
    },
    Never {
        states: &[K::Refused, K::Reserved, K::Allocated, K::PartlyCancelled, K::PartlyShipped, K::Ended],
        inputs: &[H::Claimed, H::Refused],
        reason: "a claim is made only where nothing is known yet, and its outcome comes in the same transaction",
    },
    Never {
        states: ALLOCATED,
        inputs: &[H::Rejected, H::Expired],
        reason: "a confirmed order only can be cancelled",
    },
    Never {
        states: &[K::PartlyShipped],
        inputs: &[H::Cancelled],
        reason: "an order of which a part has left is not cancelled",
    },
    Never {
        states: &[K::Ended],
        inputs: &[H::Shipped, H::Returned],
        reason: "nothing is shipped of an order with a final end, and nothing shipped comes to one",
    },
];
