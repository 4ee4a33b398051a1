//! A file that is appended to by one thread, with group commit: the least that keeping something takes.
//!
//! Always true: who appends is answered once the disk has it; what waits meanwhile is one write and one sync.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use tokio::sync::{mpsc, oneshot};

use crate::Result;

/// As the exchange has it.
const WAITING: usize = 4096;
const BATCH: usize = 512;

type Record = (Vec<u8>, oneshot::Sender<u64>);

pub(in crate::cases) struct Append(mpsc::Sender<Record>);

impl Append {
    pub(in crate::cases) fn open(path: &Path) -> Result<Append> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::spawn(move || write(file, receiver));
        Ok(Append(sender))
    }

    /// Appends a record; its place.
    pub(in crate::cases) async fn append(&self, record: Vec<u8>) -> Result<u64> {
        let (answer, answered) = oneshot::channel();
        self.0.send((record, answer)).await.map_err(|_| "the disk failed")?;
        Ok(answered.await?)
    }
}

/// Ends where the disk fails, or nobody is left.
fn write(mut file: File, mut records: mpsc::Receiver<Record>) {
    let (mut taken, mut buffer, mut place) = (Vec::with_capacity(BATCH), Vec::new(), 0);
    while records.blocking_recv_many(&mut taken, BATCH) > 0 {
        buffer.clear();
        taken.iter().for_each(|(record, _)| buffer.extend_from_slice(record));
        if file.write_all(&buffer).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for (_, answer) in taken.drain(..) {
            place += 1;
            // Who does not wait any more need not know.
            answer.send(place).ok();
        }
    }
}
