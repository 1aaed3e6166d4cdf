//! The hash map of paths that each write goes: its hasher takes a fraction of the standard one's time on short texts. It is
//! seeded anew for each process and map, yet no defence against keys that were chosen to collide: for maps that hold no more
//! than one request or one group of writes asks for, or what operators alone name.

pub type FastMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
