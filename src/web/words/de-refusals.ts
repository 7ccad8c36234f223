/**
 * The server's sentences in German, by the code of the error; `warning` has what is said beside a picture. `{…}` stands
 * for a value and comes back in the German sentence. A test holds every left side to what the sources say; what is not
 * here is shown as the server says it.
 */

export const deRefusals: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'request.invalid': {
    '{field}: Too big: expected {kind} to be <={most}.': '{field}: zu groß; höchstens {most}.',
    '{field}: Too small: expected {kind} to be >={least}.': '{field}: zu klein; mindestens {least}.',
    '{field}: Too small: expected {kind} to be >{least}.': '{field}: zu klein; mehr als {least}.',
    '{field}: Too big: expected {kind} to have <={most} {what}.': '{field}: zu lang; höchstens {most}.',
    '{field}: Too small: expected {kind} to have >={least} {what}.': '{field}: zu kurz; mindestens {least}.',
    '{field}: Invalid input: expected {kind}, received undefined.': '{field} fehlt.',
    '{field}: Invalid input: expected {kind}, received {got}.': '{field}: erwartet wird {kind}, gegeben ist {got}.',
    '{field}: Invalid option: expected one of {options}.': '{field}: erwartet wird eines von {options}.',
    'mask: a mask needs a picture (init) that it is the mask of.': 'Eine Maske braucht ein Startbild.',
  },
  'request.size': {
    'The {side} must be a multiple of {multiple} for this model; got {length}, try {low} or {high}.':
      'Seiten müssen für dieses Modell Vielfache von {multiple} sein; verlangt sind {length}. Möglich: {low} oder {high}.',
    'Hires fix would draw at {width} x {height}; sides go up to {most} pixels. Enlarge by less.':
      'Hires fix würde {width} x {height} zeichnen; Seiten haben höchstens {most} Pixel. Weniger vergrößern.',
  },
  'request.mask': {
    'A mask needs a picture to paint in; give an init picture as well.': 'Eine Maske braucht ein Startbild.',
    'A latent mask needs a mask, which says what of the result is shown; give both.':
      'Eine Maske der Latents braucht eine Maske, die sagt, was vom Ergebnis zu sehen ist.',
  },
  'request.hires': {
    'Hires fix of a picture (hiresOnly) draws all of it at once; leave out the mask, outpainting and SD upscale.':
      'Ein Bild groß nachzeichnen geht nur im Ganzen: ohne Maske, Erweitern und SD upscale.',
    '{a} and {b} have latents of different kinds; choose an upscaler for pictures, such as Lanczos, in place of {upscaler}.':
      '{a} und {b} haben verschiedene Latents; statt {upscaler} einen Vergrößerer für Bilder wählen, etwa Lanczos.',
  },
  'request.outpaint': {
    'Outpainting makes the mask itself; leave the mask or the sides out.':
      'Erweitern macht seine Maske selbst; entweder Maske oder Seiten.',
    'Outpainting would make a canvas of {width} x {height}; sides go up to {most} pixels.':
      'Erweitern ergäbe {width} x {height}; Seiten haben höchstens {most} Pixel.',
  },
  'request.tiles': {
    'SD upscale draws over the whole picture; leave the mask out.': 'SD upscale zeichnet das ganze Bild; ohne Maske.',
    'SD upscale draws each tile with the whole prompt; leave the regions out.':
      'SD upscale zeichnet jede Kachel mit dem ganzen Prompt; ohne Regionen.',
  },
  'control.picture': {
    '{unit} has no picture; give it one, or leave the unit out.': '{unit} hat kein Bild.',
    '{unit} has no picture; give it one.': '{unit} hat kein Bild.',
  },
  'control.mask': {
    '{unit}: {module} needs a mask, white where the picture is painted.':
      '{unit}: {module} braucht eine Maske, weiß, wo gemalt wird.',
  },
  'prompt.too-long': {
    '{what}; at most {most} are taken.': 'Der Prompt ist zu lang: {what}, höchstens {most}.',
    '{what}; at most {most} are taken. Leave styles out.':
      'Mit Stilen ist der Prompt zu lang: {what}, höchstens {most}.',
  },
  'series.size': {
    'A plot has at most {most} pictures, not {count}.': 'Ein Gitter hat höchstens {most} Bilder, nicht {count}.',
    'At most {most} lines, not {count}.': 'Höchstens {most} Zeilen, nicht {count}.',
  },
  'series.values': {
    'The {letter} axis {name} has no values.': 'Die {letter}-Achse {name} hat keine Werte.',
    '{text} is no number and no range such as 1-5, 1-5 (+2) or 1-5 [3].':
      '{text} ist keine Zahl und kein Bereich wie 1-5, 1-5 (+2) oder 1-5 [3].',
    'Size takes values like 512x768, not {text}.': 'Größen sehen aus wie 512x768, nicht wie {text}.',
  },
  'series.order': { 'Prompt order: {part} is not in the prompt.': 'Reihenfolge: {part} steht nicht im Prompt.' },
  'model.unknown': {
    'There is no {kind} called {name}. There are none yet.': 'Es gibt kein Modell {name}; es ist noch keines da.',
    'There is no {kind} called {name}. The nearest are: {names}.':
      'Es gibt kein Modell {name}. Am nächsten kommen: {names}.',
    'There is no model {id}.': 'Dieses Modell gibt es nicht mehr.',
  },
  'model.unusable': {
    '{name} cannot be used (it is {title}): {problem}': '{name} ist nicht verwendbar (es ist {title}): {problem}',
  },
  'adapter.not-found': {
    'there is no LoRA {name}.': 'Es gibt keine LoRA {name}.',
    'there is no hypernetwork {name}.': 'Es gibt kein Hypernetzwerk {name}.',
  },
  'upscaler.unknown': { 'There is no upscaler {name}.': 'Es gibt keinen Vergrößerer {name}.' },
  'merge.nothing': {
    'One checkpoint alone makes nothing new: give a second one to mix in, a VAE or LoRAs.':
      'Ein Checkpoint allein ergibt nichts Neues: dazu gehört ein zweiter, ein VAE oder LoRAs.',
    '{a} and {b} have no weights of the same name; both must be checkpoints of one layout.':
      '{a} und {b} haben keine gemeinsamen Gewichte; beide müssen gleich aufgebaut sein.',
  },
  'convert.exists': {
    '{file} is there already; give the name of a new folder.':
      '{file} gibt es schon; den Namen eines neuen Ordners angeben.',
  },
  'image.unknown': { 'There is no picture {id}.': 'Dieses Bild gibt es nicht mehr.' },
  'image.gone': { 'The file of picture {id} ({path}) is gone.': 'Die Datei des Bildes ist fort: {path}' },
  'image.unsupported': {
    'The {format} picture cannot be read: {reason}': 'Dieses {format}-Bild ist nicht lesbar: {reason}',
    'The picture cannot be read: {reason}': 'Dieses Bild ist nicht lesbar: {reason}',
    'Expected a PNG, JPEG, WebP, GIF or AVIF picture, got {what}.':
      'Erwartet wird ein Bild als PNG, JPEG, WebP, GIF oder AVIF; es ist {what}.',
  },
  'image.too-large': {
    'The picture is {width}x{height} pixels; {most}. Make it smaller first.':
      'Das Bild hat {width}x{height} Pixel, mehr als hier gelesen werden. Es zuvor verkleinern.',
    'The picture has {bytes} bytes; at most {most} are read.':
      'Das Bild hat {bytes} Bytes; höchstens {most} werden gelesen.',
  },
  'body.too-large': {
    'The body may have at most {most} bytes.': 'Das ist zu groß: höchstens {most} Bytes werden angenommen.',
  },
  'job.state': {
    'Job {id} is {state}; only {wanted} jobs can be {verb}.': 'Mit diesem Auftrag geht das nicht mehr.',
    'Job {id} is {state}; only a running job has a batch to skip.': 'Dieser Auftrag läuft nicht.',
    'Job {id} is {state}; only paused jobs can be resumed.': 'Dieser Auftrag ist nicht angehalten.',
  },
  'job.unknown': { 'There is no job {id}; darkroom queue list shows them.': 'Diesen Auftrag gibt es nicht mehr.' },
  'job.interrupted': {
    'Darkroom stopped {count} times while this job ran; it is not tried again by itself.':
      'Darkroom endete {count}-mal, während dieser Auftrag lief; er wird nicht von selbst noch einmal versucht.',
  },
  'job.input-gone': {
    'The {role} picture that job {job} starts from is gone.': 'Das Bild, mit dem dieser Auftrag begann, ist fort.',
  },
  'queue.full': {
    'At most {most} {jobs} may wait; {advice}.':
      'Höchstens {most} Aufträge dürfen warten; später noch einmal versuchen.',
  },
  'disk.share': {
    '{what}; purge the trash, clear jobs that have ended, or raise the setting maxDiskMibPerUser.':
      'Der Platz dieses Kontos ist verbraucht: den Papierkorb leeren oder beendete Aufträge vergessen.',
  },
  'disk-full': {
    'The disk is full; free some space and try again.':
      'Die Platte ist voll; Platz schaffen und noch einmal versuchen.',
  },
  'disk.denied': {
    'Permission is denied; check the permissions of the folder.':
      'Der Zugriff ist verwehrt; die Rechte des Ordners prüfen.',
  },
  'engine.out-of-memory': {
    'The engine process was killed by the system, most likely for want of memory.{peak} Try a smaller picture, a smaller batch, or close other programs.':
      'Das System hat die Maschine beendet, wohl weil der Speicher nicht reichte. Ein kleineres Bild, weniger auf einmal, oder andere Programme schließen.',
    'The engine process ran out of memory.{more}': 'Der Maschine ging der Speicher aus.',
  },
  'engine.crashed': { 'The engine process {how}.{more}': 'Die Maschine ist abgestürzt.' },
  'engine.start-failed': {
    'The engine could not be started: {reason}': 'Die Maschine ließ sich nicht starten: {reason}',
  },
  'engine.non-finite': {
    'The {part} gave values that are not numbers (NaN) while {doing}.': 'Das Netz ergab keine Zahlen (NaN): {part}.',
  },
  'training.data.empty': {
    'there is no picture in {folder}; expected files with one of {endings}': 'In {folder} ist kein Bild.',
    'there is no picture in {folder}': 'In {folder} ist kein Bild.',
  },
  'training.data.missing': {
    'there is no folder {folder}; data names the folder of the pictures': 'Den Ordner {folder} gibt es nicht.',
  },
  'training.data.broken': {
    'the picture {file} cannot be read: {reason}. Replace or remove it.':
      'Das Bild {file} ist nicht lesbar; ersetzen oder entfernen. ({reason})',
  },
  'dataset.name': { '{name} is no name for a folder.': '{name} taugt nicht als Name eines Ordners.' },
  'dataset.exists': { 'There is a dataset {name} already.': 'Eine Sammlung {name} gibt es schon.' },
  'board.name': {
    "A board's name has 1 to 200 characters, got {count}.": 'Der Name einer Tafel hat 1 bis 200 Zeichen.',
    'There is a board called {name} already.': 'Eine Tafel {name} gibt es schon.',
  },
  'style.invalid': {
    'A style needs a name, and one that does not begin with #.':
      'Ein Stil braucht einen Namen, der nicht mit # beginnt.',
    'The sheet holds no styles; expected lines of name,prompt,negative_prompt.':
      'Darin stehen keine Stile; erwartet werden Zeilen aus name,prompt,negative_prompt.',
  },
  'pull.not-found': {
    'There is no file or folder {path}.': 'Eine Datei oder einen Ordner {path} gibt es nicht.',
    'There is no model file in {repo}.': 'In {repo} ist keine Modelldatei.',
    'There is no {path} in {repo}.': '{path} gibt es in {repo} nicht.',
  },
  'pull.not-a-model': {
    '{url} does not look like a model file; expected a name ending in .safetensors, .ckpt, .pt, .pth, .bin or .gguf.':
      '{url} sieht nicht nach einer Modelldatei aus; erwartet wird .safetensors, .ckpt, .pt, .pth, .bin oder .gguf.',
    '{path} does not look like a model file.': '{path} sieht nicht nach einer Modelldatei aus.',
  },
  'pull.exists': {
    'There is another file called {file}; move or rename it first.': 'Eine andere Datei namens {file} liegt schon da.',
  },
  'net.connection': {
    'The connection to {host} broke: {why}': 'Die Verbindung zu {host} ist abgerissen: {why}',
  },
  'net.url': { '{address} is no web address.': '{address} ist keine Adresse im Netz.' },
  'auth.required': { 'You are not signed in any more.': 'Du bist nicht mehr angemeldet.' },
  'auth.forbidden': { 'This needs the role {least}; {name} is {role}.': '{name} darf das nicht.' },
  'auth.too-many-tries': {
    'Too many wrong tokens or passwords; wait a little.': 'Zu viele falsche Token oder Passwörter; bitte kurz warten.',
  },
  'rate.limited': { 'Too many requests; wait {seconds} s.': 'Zu viele Anfragen; bitte {seconds} s warten.' },
  'user.exists': { 'There is a user {name} already.': 'Ein Konto {name} gibt es schon.' },
  'user.name': {
    '{name} cannot be a user name: use up to 32 of a-z 0-9 . _ -, a letter or digit first; not {local}.':
      '{name} taugt nicht als Name: bis zu 32 von a-z 0-9 . _ -, zuerst ein Buchstabe oder eine Ziffer; nicht {local}.',
  },
  'user.password': {
    'A password has 8 to 1000 characters, got {count}.': 'Ein Passwort hat 8 bis 1000 Zeichen; gegeben sind {count}.',
  },
  'user.last-admin': {
    '{name} is the only admin; make another one first.':
      '{name} darf als einziges Konto alles; zuvor ein anderes ernennen.',
  },
  'server.closing': { 'Darkroom is stopping.': 'Darkroom wird gerade beendet.' },
  warning: {
    '{tag} is left out: there is no LoRA {name}.': '{tag} bleibt weg: Es gibt keine LoRA {name}.',
    '{tag} is left out: there is no hypernetwork {name}.': '{tag} bleibt weg: Es gibt kein Hypernetzwerk {name}.',
    '{tag} is left out: {reason}': '{tag} bleibt weg: {reason}',
    '{sizes}; the picture was stretched to its shape.': 'Das Startbild wurde auf die Form des Bildes gezerrt.',
    '{sizes}; the mask was stretched over it.': 'Die Maske wurde auf die Form des Bildes gezerrt.',
    'Restoring faces is left out: {reason}': 'Gesichter bleiben, wie sie sind: {reason}',
    'Control acts until the refiner takes over.': 'Die Steuerung wirkt, bis der Refiner übernimmt.',
    'Token merging has no effect: {name} has no attention at its finest level.':
      'Token Merging hat keine Wirkung: {name} hat auf der feinsten Stufe keine Attention.',
  },
  internal: {
    'Something went wrong inside Darkroom; its log says what.':
      'In Darkroom ging etwas schief; das Protokoll sagt, was.',
  },
};
