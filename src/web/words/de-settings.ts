/** Labels of settings of pictures and of the server, and what they are for, by their names; what is not here keeps the server’s words. */

import type { FieldTexts } from './en.ts';

export const deSettings: FieldTexts = {
  prompt: { help: 'Was das Bild zeigen soll, in der Schreibweise von A1111.' },
  negativePrompt: { label: 'Negativer Prompt', help: 'Was es nicht zeigen soll.' },
  styles: { label: 'Stile', help: 'Gespeicherte Texte, die um die Prompts gelegt werden, nach Namen.' },
  regions: {
    label: 'Regionen',
    help: 'Wo jeder durch AND verbundene Teil des Prompts wirkt: links-rechts:oben-unten als Anteile des Bildes, mit ; dazwischen.',
  },
  model: { label: 'Modell', help: 'Name oder Pfad eines Checkpoints; ohne Angabe das mitgelieferte Modell.' },
  vae: { help: 'Name oder Pfad eines VAE; ohne Angabe das im Checkpoint.' },
  textEncoders: {
    label: 'Text-Encoder',
    help: 'Text-Encoder für ein Modell, dessen Datei keine hat, mit Kommas; ohne Angabe nach ihrer Breite gefunden.',
  },
  vaeEncoder: { label: 'VAE-Encoder', help: 'Das ganze VAE oder das kleine (TAESD), das schnell und etwas grob ist.' },
  vaeDecoder: { label: 'VAE-Decoder', help: 'Das ganze VAE oder das kleine (TAESD), das schnell und etwas grob ist.' },
  clipSkip: { help: 'Den Text-Encoder so viele Schichten vor seinem Ende anhalten (1 = gar nicht).' },
  width: {
    label: 'Breite',
    help: 'Breite in Pixeln, bei den meisten Modellen ein Vielfaches von 8; ohne Angabe die des Modells.',
  },
  height: {
    label: 'Höhe',
    help: 'Höhe in Pixeln, bei den meisten Modellen ein Vielfaches von 8; ohne Angabe die des Modells.',
  },
  batchSize: { label: 'Bilder auf einmal', help: 'Bilder, die zugleich entstehen.' },
  batchCount: { label: 'Bilder', help: 'Durchgänge nacheinander.' },
  sampler: { help: 'Wie abgetastet wird.' },
  scheduler: { help: 'Plan des Rauschens; Automatic nimmt den, der zum Sampler gehört.' },
  steps: { label: 'Schritte', help: 'Schritte des Samplers.' },
  eta: { help: 'Anteil frischen Rauschens bei Ancestral- und SDE-Samplern (ohne Angabe 1) und DDIM (ohne Angabe 0).' },
  sChurn: { help: 'Rauschen, das Euler, Heun und DPM2 unterwegs hinzufügen, über alle Schritte.' },
  sTmin: { help: 'Churn wirkt ab dieser Stärke des Rauschens.' },
  sTmax: { help: 'Churn wirkt bis zu dieser Stärke des Rauschens; 0: immer.' },
  sNoise: { help: 'Faktor auf das Rauschen, das Sampler unterwegs hinzufügen.' },
  sigmaMin: { help: 'Schwächstes Rauschen des Plans; 0: das des Modells.' },
  sigmaMax: { help: 'Stärkstes Rauschen des Plans; 0: das des Modells.' },
  rho: { help: 'Krümmung der Pläne Karras und Polyexponential; 0: ihre eigene (7 und 1).' },
  betaAlpha: { help: 'Form des Plans Beta bei starkem Rauschen.' },
  betaBeta: { help: 'Form des Plans Beta bei schwachem Rauschen.' },
  discardPenultimateSigma: { help: 'Die vorletzte Stufe des Rauschens bei jedem Sampler auslassen.' },
  sgmNoiseMultiplier: { help: 'Mit Rauschen von sqrt(1 + sigma²) beginnen, wie der Code von Stability.' },
  noiseSchedule: {
    help: 'Stufen des Rauschens: die des Modells, oder so gestreckt, dass der erste Schritt reines Rauschen ist.',
  },
  unipcOrder: { help: 'Ordnung von UniPC.' },
  unipcVariant: { help: 'B(h) von UniPC, oder wechselnde Koeffizienten.' },
  unipcSkipType: { help: 'Abstand der Schritte von UniPC: in der Zeit, in ihrer Wurzel oder in ln sigma.' },
  unipcLowerOrderFinal: { help: 'Niedrigere Ordnung in den letzten Schritten von UniPC.' },
  cfgScale: { label: 'Führung (CFG)', help: 'Wie stark dem Prompt gefolgt wird (1 = ohne Führung).' },
  imageCfgScale: { label: 'Führung durch das Bild', help: 'InstructPix2Pix: wie nah am Bild geblieben wird.' },
  cfgRescale: { help: 'Geführte Vorhersagen zum Kontrast der ungeführten zurückholen (Lin et al. 2023).' },
  dynamicThreshold: {
    help: 'Dynamic Thresholding: geführte Schätzungen bei diesem Quantil begrenzen; 0: aus, 0,995 ist üblich.',
  },
  mimicScale: { help: 'Dynamic Thresholding: die Führung, deren Kontrast erhalten bleibt.' },
  skipEarlyCond: { help: 'Den negativen Prompt in diesem Anteil der Schritte am Anfang weglassen; 0: aus.' },
  guidanceEnd: {
    label: 'Ende der Führung',
    help: 'Den negativen Prompt ab diesem Anteil der Schritte weglassen, was schneller ist; 1: nie.',
  },
  sagScale: {
    help: 'Self-Attention Guidance: führt weg von Unschärfe, wo das Netz hinsieht; ein Durchgang mehr je Schritt; 0: aus.',
  },
  pagScale: {
    help: 'Perturbed-Attention Guidance: führt weg von Bildern ohne Aufbau; ein Durchgang mehr je Schritt; 0: aus.',
  },
  hyperTile: {
    help: 'HyperTile: Self-Attention innerhalb von Kacheln mit mindestens so vielen Pixeln, bei großen Bildern schneller; 0: aus, 256 ist üblich.',
  },
  tokenMerging: {
    label: 'Token zusammenfassen',
    help: 'Token Merging (ToMe): Anteil der Token, die auf der feinsten Stufe mit ähnlichen zusammengefasst werden, bei großen Bildern schneller und weniger genau; 0: aus, bis 0,5 ist üblich.',
  },
  stepCache: {
    label: 'Schritte zwischenspeichern',
    help: 'DeepCache: den tiefen Teil des U-Net nur alle so viele Schritte rechnen, schneller und weniger genau; 1: aus, 2 oder 3 sind üblich.',
  },
  freeUB1: { help: 'FreeU: Faktor auf die Hälfte der Kanäle von unten im ersten Block aufwärts; 1: aus.' },
  freeUB2: { help: 'Dasselbe im zweiten Block aufwärts.' },
  freeUS1: {
    help: 'FreeU: Faktor auf die niedrigsten Frequenzen der Querverbindungen im ersten Block aufwärts; 1: aus.',
  },
  freeUS2: { help: 'Dasselbe im zweiten Block aufwärts.' },
  sMinUncond: {
    help: 'Unter dieser Stärke des Rauschens lässt jeder zweite Schritt den negativen Prompt weg, was schneller ist; 0: aus.',
  },
  sMinUncondAll: { help: 'Den negativen Prompt unter dieser Stärke in jedem Schritt weglassen.' },
  seed: { label: 'Seed', help: 'Erster Seed; -1 zieht einen.' },
  subseed: { label: 'Seed der Variation', help: 'Seed der Variation; -1 zieht einen.' },
  subseedStrength: { label: 'Stärke der Variation', help: 'Wie weit es zum Seed der Variation geht.' },
  seedResizeFromWidth: { help: 'Die Komposition behalten, die der Seed bei dieser Breite hat; 0: aus.' },
  seedResizeFromHeight: { help: 'Die Komposition behalten, die der Seed bei dieser Höhe hat; 0: aus.' },
  randomSource: {
    label: 'Quelle des Rauschens',
    help: 'Strom des Rauschens: der von PyTorch auf der CPU, oder Philox von CUDA.',
  },
  etaNoiseSeedDelta: {
    help: 'Wird für das Rauschen von Ancestral-Samplern zum Seed gezählt (31337 bei Bildern von NovelAI).',
  },
  denoisingStrength: { label: 'Stärke', help: 'Bild zu Bild und Hires fix: wie viel sich ändern darf.' },
  resizeMode: {
    label: 'Anpassen der Größe',
    help: 'Bild zu Bild: wie ein Bild anderer Form auf die gemalte Größe kommt.',
  },
  exactSteps: {
    label: 'Genau so viele Schritte',
    help: 'Bild zu Bild: so viele Schritte wie verlangt, gleich wie groß die Stärke ist.',
  },
  colorCorrection: {
    label: 'Farben angleichen',
    help: 'Bild zu Bild: die Farben zu denen des Startbildes zurückholen.',
  },
  noiseMultiplier: { label: 'Faktor des Rauschens', help: 'Bild zu Bild: Faktor auf das Rauschen, das hinzukommt.' },
  extraNoise: {
    label: 'Zusätzliches Rauschen',
    help: 'Bild zu Bild und Hires fix: so viel mehr Rauschen, als der Sampler erwartet; er macht Einzelheiten daraus.',
  },
  sdUpscale: {
    help: 'Das Startbild so weit vergrößern, dann in Kacheln von Breite und Höhe darüber zeichnen; 1: aus.',
  },
  sdUpscaleUpscaler: { help: 'SD upscale: womit vergrößert wird; ohne Angabe der mitgelieferte Vergrößerer.' },
  sdUpscaleOverlap: { help: 'SD upscale: Pixel, die benachbarte Kacheln teilen.' },
  maskedContent: { label: 'Inhalt der Maske', help: 'Was am Anfang unter der Maske liegt.' },
  maskInvert: { label: 'Den Rest neu malen', help: 'Neu malen, was nicht maskiert ist.' },
  inpaintArea: { label: 'Bereich', help: 'Das ganze Bild malen, oder den maskierten Bereich allein in voller Größe.' },
  inpaintPadding: { label: 'Rand', help: 'Nur Maskiertes: wie viel um die Maske gesehen wird, in Pixeln.' },
  maskBlur: { label: 'Maske weichzeichnen', help: 'Übermalen: Weichzeichnen des Maskenrandes, in Pixeln.' },
  maskBlurY: {
    label: 'Maske weichzeichnen, senkrecht',
    help: 'Übermalen: Weichzeichnen des Maskenrandes von oben nach unten, wo es anders sein soll.',
  },
  maskRound: {
    label: 'Maske runden',
    help: 'Übermalen: jede Zelle des Latents wird neu gemalt oder behalten; aus: auch teilweise, wie der Maskenrand es hat.',
  },
  conditionalMaskWeight: {
    help: 'Inpainting-Modelle: wie weit ihnen das Maskierte verborgen wird; bei 0 sehen sie das ganze Bild.',
  },
  softInpainting: {
    label: 'Weiches Einfügen',
    help: 'Bild und Gemaltes fließen ineinander, wo die Maske weich ist; ein breiter weicher Rand passt dazu.',
  },
  maskBlendPower: {
    help: 'Weiches Einfügen: unter 1 bleibt das Bild eher gegen Ende, über 1 eher am Anfang erhalten.',
  },
  maskBlendScale: { help: 'Weiches Einfügen: wie stark teilweise Maskiertes erhalten bleibt.' },
  inpaintDetailPreservation: {
    help: 'Weiches Einfügen: erhält den Kontrast, wo beides gemischt ist; mehr kann übersättigen.',
  },
  compositeMaskInfluence: {
    help: 'Weiches Einfügen: 0 behält Pixel, wo sich wenig geändert hat, 1, wo die Maske es sagt.',
  },
  compositeDifferenceThreshold: {
    help: 'Weiches Einfügen: die Änderung, bei der die Hälfte der eigenen Pixel bleibt.',
  },
  compositeDifferenceContrast: { help: 'Weiches Einfügen: wie plötzlich es von behaltenen zu gemalten Pixeln geht.' },
  outpaintLeft: { label: 'Erweitern nach links', help: 'Das Bild links um so viele Pixel erweitern.' },
  outpaintRight: { label: 'Erweitern nach rechts', help: 'Das Bild rechts um so viele Pixel erweitern.' },
  outpaintUp: { label: 'Erweitern nach oben', help: 'Das Bild oben um so viele Pixel erweitern.' },
  outpaintDown: { label: 'Erweitern nach unten', help: 'Das Bild unten um so viele Pixel erweitern.' },
  outpaintFill: {
    label: 'Füllung der Erweiterung',
    help: 'Was am Anfang unter der neuen Fläche liegt: Rauschen wie das Bild, oder der eingestellte Inhalt der Maske.',
  },
  outpaintFalloff: { help: 'Erweitern: wie glatt das Rauschen ist.' },
  outpaintColorVariation: { help: 'Erweitern: wie sehr das Rauschen in den Farben schwankt.' },
  controls: { help: 'Bilder, mit denen ControlNets und ihre Verwandten dieses führen.' },
  hires: { help: 'Klein zeichnen, vergrößern, dann mit der Stärke noch einmal darüber zeichnen.' },
  hiresOnly: {
    label: 'Bild groß nachzeichnen',
    help: 'Hires fix: das Startbild für das nehmen, was der erste Durchgang zeichnete, und mit dem Vergrößern beginnen.',
  },
  hiresScale: { label: 'Vergrößern um', help: 'Hires fix: so weit vergrößern.' },
  hiresWidth: { label: 'Breite danach', help: 'Hires fix: Breite danach, anstelle eines Faktors; 0: nach der Höhe.' },
  hiresHeight: {
    label: 'Höhe danach',
    help: 'Hires fix: Höhe danach; 0: nach der Breite. Mit beiden wird abgeschnitten, was übersteht.',
  },
  hiresTokenMerging: { help: 'Hires fix: Zusammenfassen von Token im zweiten Durchgang; 0: wie im ersten.' },
  hiresUpscaler: {
    label: 'Vergrößerer',
    help: 'Hires fix: womit vergrößert wird; eine Art für Latents (Latent, Latent (bicubic) …), Lanczos oder ein Vergrößerer nach Namen.',
  },
  hiresSteps: {
    label: 'Schritte danach',
    help: 'Hires fix: Schritte des zweiten Durchgangs; 0: so viele wie im ersten.',
  },
  hiresModel: { label: 'Modell danach', help: 'Hires fix: Checkpoint des zweiten Durchgangs; ohne Angabe derselbe.' },
  hiresSampler: { label: 'Sampler danach', help: 'Hires fix: Sampler des zweiten Durchgangs; ohne Angabe derselbe.' },
  hiresScheduler: {
    label: 'Scheduler danach',
    help: 'Hires fix: Plan des Rauschens im zweiten Durchgang; ohne Angabe derselbe.',
  },
  hiresCfgScale: { label: 'Führung danach', help: 'Hires fix: Führung des zweiten Durchgangs; 0: dieselbe.' },
  hiresPrompt: { label: 'Prompt danach', help: 'Hires fix: Prompt des zweiten Durchgangs; leer: derselbe.' },
  hiresNegativePrompt: {
    label: 'Negativer Prompt danach',
    help: 'Hires fix: negativer Prompt des zweiten Durchgangs; leer: derselbe.',
  },
  refiner: { help: 'Checkpoint, der vor dem Ende übernimmt, wie der Refiner von SDXL.' },
  refinerSwitchAt: {
    label: 'Wechsel zum Refiner bei',
    help: 'Der Anteil des Rauschens, nach dem der Refiner übernimmt.',
  },
  hiresRefiner: { help: 'Mit Hires fix: in welchen Durchgängen der Refiner übernimmt.' },
  emphasis: {
    label: 'Betonung',
    help: 'Wie (Gewichte:1.2) wirken: auf die Arten von A1111, oder wie in ComfyUI, das Token vom leeren Prompt wegbewegt; compel hat eigene Zeichen: wort++, (wörter)1.2, ("a", "b").blend(1, 0.5).',
  },
  commaPaddingBacktrack: {
    help: 'Wie viele Token in den nächsten Abschnitt eines langen Prompts rücken dürfen, damit er an einem Komma geteilt wird.',
  },
  padPrompts: {
    label: 'Prompts gleich lang',
    help: 'Prompt und negativen Prompt gleich lang machen, mit dem, was ein leerer Prompt sagt, hinter dem kürzeren.',
  },
  padPromptsV0: {
    label: 'Prompts gleich lang, alte Art',
    help: 'Den negativen Prompt auf die Länge des Prompts kürzen oder sein letztes Token wiederholen, wie DDIM und PLMS in A1111 vor 1.6.',
  },
  oldPromptEditing: {
    label: 'Prompts wechseln wie früher',
    help: 'Wechsel im Prompt wie in A1111 vor 1.6: Zahlen unter 1 sind Anteile der Schritte, und Hires fix zählt wieder von 0.',
  },
  downcastAlphas: {
    label: 'Rauschstufen in halber Genauigkeit',
    help: 'Rauschstufen in halber Genauigkeit, wie in A1111 vor 1.7.',
  },
  wholeTimesteps: {
    label: 'Ganze Zeitschritte',
    help: 'Dem Netz den nächsten ganzen Zeitschritt sagen (Quantisierung der K-Sampler in A1111).',
  },
  clipSkipSdxl: {
    label: 'Clip skip von SDXL',
    help: 'SDXL: Clip skip wirkt auf den ersten Text-Encoder, der sonst eine Schicht vor seinem Ende anhält.',
  },
  overlayOriginal: {
    label: 'Original darüberlegen',
    help: 'Das Original über alles legen, was nicht maskiert war; aus: das Bild, wie das Modell es malt, bei „Only masked“ nur der Ausschnitt.',
  },
  cropTop: { help: 'SDXL: Zeilen, die dem Bild oben angeblich fehlen; 0 lässt die Dinge ganz.' },
  cropLeft: { help: 'SDXL: Spalten, die dem Bild links angeblich fehlen.' },
  aestheticScore: { help: 'Refiner von SDXL: wie schön das Bild sein soll.' },
  negativeAestheticScore: { help: 'Refiner von SDXL: wie schön ist, was es nicht sein soll.' },
  tiling: { label: 'Kachelbar', help: 'Ein Bild, dessen Kanten aneinander passen.' },
  tilingAxes: {
    label: 'Achsen der Kachelung',
    help: 'Welche Kanten aneinander passen; horizontal meint links und rechts.',
  },
  restoreFaces: {
    label: 'Gesichter wiederherstellen',
    help: 'Die Gesichter fertiger Bilder durch ein Netz von Ihnen neu zeichnen.',
  },
  faceRestorer: { help: 'Durch welches: der Name einer ONNX-Datei im Ordner facerestore_models, oder ein Teil davon.' },
  faceFidelity: { help: 'Wie nah an dem, was zu sehen ist, ein Netz bleibt, das danach fragt, wie CodeFormer.' },
  keepSteps: {
    label: 'Jeden Schritt behalten',
    help: 'Behalten, wie das erste Bild nach jedem Schritt aussah, um zu sehen, wie Diffusion arbeitet.',
  },
  defaultModel: {
    label: 'Übliches Modell',
    help: 'Checkpoint für Anfragen, die keinen nennen; leer: der mitgelieferte.',
  },
  outputFormat: { label: 'Dateityp', help: 'Dateityp neuer Bilder.' },
  outputQuality: { label: 'Qualität', help: 'Qualität von JPEG- und WebP-Bildern.' },
  previewEvery: { label: 'Vorschau alle … Schritte', help: 'Alle so viele Schritte eine Vorschau; 0: keine.' },
  idleUnloadMinutes: {
    label: 'Ruhe vor dem Entladen (Minuten)',
    help: 'Wann der Speicher der Engine frei wird; 0: nie.',
  },
  memoryLimitMib: {
    label: 'Grenze des Speichers (MiB)',
    help: 'Die Engine oberhalb dieses Speichers anhalten; 0: neun Zehntel der Maschine.',
  },
  trashDays: { label: 'Tage im Papierkorb', help: 'Wann Bilder aus dem Papierkorb gelöscht werden; 0: nie.' },
  maxWaitingJobs: { label: 'Höchstens wartende Aufträge', help: 'Aufträge, die zugleich warten dürfen.' },
  maxWaitingJobsPerUser: { label: 'Davon je Konto', help: 'Aufträge eines Kontos, die zugleich warten dürfen.' },
  maxDiskMibPerUser: {
    label: 'Platz eines Kontos (MiB)',
    help: 'Bilder eines Kontos, mit Papierkorb und dem, womit seine Aufträge beginnen; 0: so viel, wie da ist.',
  },
  init: { label: 'Startbild' },
  mask: { label: 'Maske' },
};
