/** A place where files are dropped. */

/** Handlers of the place's element; the first file is taken. */
export function dropsOf(take: (file: File) => void) {
  return {
    onDragOver: (event: DragEvent) => event.preventDefault(),
    onDrop: (event: DragEvent) => {
      const file = event.dataTransfer?.files[0];
      if (!file) return;
      event.preventDefault();
      take(file);
    },
  };
}
