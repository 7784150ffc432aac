"""The words by which mail programs announce what they quote or forward, by language; how they are used is `content.py`."""

from __future__ import annotations


def _rows(text: str) -> tuple[str, ...]:
    """Rows of words with `|` between them; `_` stands for a space at the end of a word, and may for one within."""
    return tuple(word.strip().replace("_", " ") for row in text.strip().split("\n") for word in row.split("|"))


VERBS = _rows(
    """
    wrote | writes | wrote the following | a écrit | a ecrit | écrivait | schrieb | schrieb am | geschrieben | escribió | escribio | ha escrito
    escreveu | ha scritto | scrive | schreef | geschreven | skrev | kirjoitti | napisał | napisała | napisał(a) | napsal | napsal(a) | napísal
    napísal(a) | написал | написала | написал(а) | пишет | пише | a scris | írta | yazdı | şunu yazdı | 書きました | のメール | 写道 | 寫道 | 작성
    """
)
"""The verb of a reply header: `On …, X wrote:`."""

OPENERS = _rows(
    """
    on | le | am | el | em | no dia | il | il giorno | in data | op | den | dne | dnia | w dniu | pe | tarihinde | d. | dňa
    """
)
"""The word a reply header begins with, where it does not begin with the date or the writer."""

LINKS = frozenset(
    """
    heeft følgende följande użytkownik uživatel odesílatel používateľ odosielateľ пользователь користувач kullanıcısı tarihinde időpontban
    időpont ezt ha ο χρήστης um klo kl.
    """.split()
)
"""Words that stand beside the date or the writer's name in a reply header, written in small letters; verbs and openers besides."""

LABELS = {
    "from": "from de von da van od fra från от от_кого de_la lähettäjä kimden gönderen отправитель відправник від від_кого подател šalje pošiljatelj "
    "expeditor expeditorul expéditeur nadawca feladó odesílatel odosielateľ remitente remetente remitent mittente afzender absender afsender avsändare "
    "avsender saatja siuntėjas nuo sūtītājs frá nga từ dari από αποστολέας מאת من 发件人 发信人 差出人 送信者 送信元 寄件者 寄件人 보낸_사람 보낸사람 발신인",
    "date": "sent date envoyé envoyé_le envoyée envoyée_le date_d'envoi gesendet datum inviato inviata data enviado enviada enviado_el enviat fecha "
    "fecha_de_envío data_de_envio enviada_em enviado_em verzonden skickat sendt wysłano päivämäärä päiväys lähetetty отправлено дата дата_отправки "
    "відправлено надіслано изпратено gönderildi gönderilen gönderilme_tarihi tarih trimis elküldve küldve dato dátum dată odesláno odoslané dne poslano "
    "saadetud kuupäev išsiųsta nosūtīts datums dagsetning ngày đã_gửi tanggal dikirim ημερομηνία στάλθηκε תאריך נשלח التاريخ تاريخ_الإرسال "
    "发送时间 发送日期 日期 寄件日期 時間 送信日時 日付 보낸_날짜 날짜",
    "to": "to à a an aan para pour do till til destinataire destinataires destinatario destinatarios destinatarul empfänger ontvanger mottagare modtager "
    "mottaker vastaanottaja кому получатель одержувач отримувач до kime alıcı adresat příjemce príjemca komu pre prima primatelj za címzett către "
    "saaja kellele kam per per_a đến tới kepada untuk προς אל إلى 收件人 收信人 宛先 收件者 送信先 받는_사람 받는사람 수신인",
    "subject": "subject objet sujet betreff oggetto asunto assunto assumpte onderwerp ämne emne aihe temat тема относно предмет konu předmět predmet "
    "naslov zadeva tárgy subiect subiectul teema tema tēma temats efni tiêu_đề chủ_đề perihal subjek θέμα נושא الموضوع 主题 标题 主旨 標題 件名 題名 제목",
    "cc": "cc copie copie_à kopie kopia kopija kopio kopi koopia копия копія копие copia cópia còpia kópia másolat másolatot_kap bilgi con_copia "
    "com_cópia dw do_wiadomości afrit tembusan κοιν. κοινοποίηση עותק העתק نسخة 抄送 副本 참조",
    "other": "reply-to répondre_à antwort_an antwoorden_aan svar_till svar_til responder_a responder_para rispondi_a odpowiedz_do bcc cci cco bk udw "
    "blindkopie skrytá_kopie skrytá_kópia titkos_másolat gizli скрытая_копия прихована_копія 密送 importance priority priorité priorität prioridad "
    "prioridade priorità priorytet önem fontosság důležitost attachments pièces_jointes anlagen allegati adjuntos anexos bijlagen bilagor bilag "
    "vedlegg liitteet załączniki přílohy prílohy ekler вложения вкладення 附件 添付ファイル organization message-id sender",
}
"""Header lines above the quoted mail in Outlook and its like, by what they name (`_` stands for a space)."""

BARE_LABELS = {"Dw": "cc", "Assunto": "subject"}
"""Those that Yahoo's translations write without a colon, glued to what stands before."""

SEPARATORS = _rows(
    """
    original message | original appointment | original mail | message d'origine | message original | mail original | courriel original
    rendez-vous d'origine | ursprüngliche mail | ursprünglicher termin | cita original | correo original | e-mail original | appuntamento originale
    mail originale | originele bericht | ursprüngliche nachricht | originalnachricht | original-nachricht | mensaje original | mensagem original
    messaggio originale | oorspronkelijk bericht | ursprungligt meddelande | oprindelig meddelelse | opprinnelig melding | alkuperäinen viesti
    wiadomość oryginalna | oryginalna wiadomość | původní zpráva | pôvodná správa | исходное сообщение | оригинальное сообщение
    оригінальне повідомлення | вихідне повідомлення | оригинално съобщение | izvorna poruka | izvirno sporočilo | eredeti üzenet | mesaj original
    orijinal ileti | orijinal mesaj | özgün ileti | algne sõnum | originalus laiškas | sākotnējā ziņa | missatge original | αρχικό μήνυμα
    הודעה מקורית | الرسالة الأصلية | 原始邮件 | 原始郵件 | オリジナルメッセージ | 元のメッセージ | 원본 메시지 | tin nhắn gốc
    pesan asli | reply message | antwort nachricht
    """
)
"""Between dashes: `-----Original Message-----`."""

FORWARDS = _rows(
    """
    forwarded message | forwarded mail | forwarded email | begin forwarded message | message retransmis | message renvoyé | courriel transféré
    weitergeleitete mail | weitergeleitete e-mail | messaggio girato | mensaje enviado | reenviado por | inoltrato da | doorgestuurd door
    encaminhado por | doorgezonden bericht | forwarded by | message transféré | message transmis | message réexpédié | début du message transféré
    début du message réexpédié | transféré par | weitergeleitete nachricht | anfang der weitergeleiteten nachricht
    anfang der weitergeleiteten e-mail | weitergeleitet von | messaggio inoltrato | inizio messaggio inoltrato | mensaje reenviado
    inicio del mensaje reenviado | mensagem encaminhada | mensagem reencaminhada | início da mensagem encaminhada | início da mensagem reencaminhada
    doorgestuurd bericht | begin doorgestuurd bericht | vidarebefordrat meddelande | vidarebefordrat mejl | videresendt meddelelse
    start på videresendt besked | videresendt melding | メッセージを転送 | välitetty viesti | välitetty viesti alkaa | edelleenlähetetty viesti
    przekazana wiadomość | wiadomość przesłana dalej | treść przekazanej wiadomości | początek przekazywanej wiadomości | přeposlaná zpráva
    preposlaná správa | začiatok preposlanej správy | započni proslijeđenu poruku | mesaj redirecționat | începe mesajul redirecționat
    továbbított üzenet | továbbított levél | továbbított levél kezdete | iletilen ileti | iletilmiş ileti | iletilmiş mesaj | ileti başlangıcı
    iletilmiş ileti başlangıcı | začátek přeposílané zprávy | proslijeđena poruka | prosleđena poruka | прослеђена порука | posredovano sporočilo
    пересылаемое сообщение | пересланное сообщение | перенаправленное сообщение | начало переадресованного сообщения | переслане повідомлення
    перенаправлене повідомлення | початок листа, що пересилається | препратено съобщение | edastatud kiri | edastatud sõnum | persiųstas laiškas
    pārsūtīta ziņa | missatge reenviat | mensaxe reenviada | áframsend skilaboð | thư đã chuyển tiếp | pesan terusan | pesan yang diteruskan
    προωθημένο μήνυμα | αρχή προωθημένου μηνύματος | הודעה שהועברה | رسالة معاد توجيهها | 转发邮件 | 转发的邮件 | 轉寄郵件 | 轉寄的郵件
    転送されたメッセージ | 転送メール | 전달된 메시지 | 전달된 메일
    """
)
"""A line that announces a forwarded mail, between dashes or alone with a colon."""

MOBILE = _rows(
    """
    sent_from_ | sent_via_ | sent_using_ | sent_with_ | get_outlook_for_ | envoyé_de_ | envoyé_depuis_ | envoyé_à_partir_ | envoyé_avec_ | envoyé_via_
    envoyé_par_ | télécharger_outlook_pour_ | obtenir_outlook_pour_ | obtenez_outlook_pour_ | provenance_:_courrier | von_meinem_ | gesendet_von_
    gesendet_mit_ | gesendet_über_ | outlook_für_ | holen_sie_sich_outlook | enviado_desde_ | enviado_do_ | enviado_de_ | inviato_da_
    verzonden_vanaf_ | verstuurd_vanaf_ | mandato_da_ | ottieni_outlook_per_ | scarica_outlook_per_ | obtener_outlook_para_ | obtenha_o_outlook_para_
    obter_o_outlook_para_ | descargar_outlook_para_ | transferir_o_outlook_para_ | download_outlook_voor_ | outlook_downloaden_voor_ | outlook_voor_
    verzonden_met_ | verstuurd_met_ | verstuurd_via_ | skickat_från_ | sendt_fra_ | inviato_dal_mio_
    from_my_iphone | 从我的_ | 從我的_ | 发自我的 | 發自我的 | wysłane_z_ | отправлено_с_
    """
)
"""Beginnings of the line a phone puts below what was written."""

MOBILE_ENDS = _rows("mit_k-9_mail_gesendet. | iphoneから送信 | ipadから送信")
"""Its endings, where it begins as a sentence of a person may."""

MOBILE_WORDS = _rows(
    """
    proton | k-9 mail | typo | brevity | brièveté | brevedad | brevidade | brevità | tippfehler | kürze | beknopt | autocorrect
    """
)
"""What such a line says where it is a whole sentence, with its full stop."""

FOOTERS = _rows(
    """
    this_email_and_any | this_e-mail_and_any | this_email_message_and_any | this_message_and_any | this_email_is_confidential
    this_e-mail_is_confidential | confidentiality_notice | disclaimer | virus-free. | you_received_this_message_because | to_unsubscribe
    ce_message_et_ | ce_message_est_confidentiel | ce_courriel_et_ | ce_courriel_est_confidentiel | ce_mail_et_ | cet_e-mail_et_ | cet_email_et_
    avis_de_confidentialité | les_informations_contenues_dans_ce | garanti_sans_virus | sans_virus. | l'absence_de_virus_dans_ce_courrier
    pensez_à_l'environnement | avant_d'imprimer | diese_e-mail_enthält | diese_nachricht_enthält | diese_nachricht_ist_vertraulich
    diese_e-mail_ist_vertraulich | der_inhalt_dieser_e-mail | der_inhalt_dieser_nachricht | este_mensaje_y_ | este_mensaje_contiene
    este_mensaje_va_dirigido | este_correo_electrónico_y_ | este_correo_y_ | este_correo_electrónico_contiene | aviso_de_confidencialidad
    aviso_legal | antes_de_imprimir | libre_de_virus | esta_mensagem_e_ | esta_mensagem_pode_conter | esta_mensagem_contém | este_e-mail_e_
    este_email_e_ | aviso_de_confidencialidade | livre_de_vírus | questo_messaggio_e_ | questo_messaggio_contiene | questa_e-mail_e_
    le_informazioni_contenute_in_ | avviso_di_riservatezza | ai_sensi_del_ | mail_priva_di_virus | privo_di_virus | dit_bericht_en_ | dit_bericht_is_
    dit_bericht_kan_ | deze_e-mail_en_ | deze_e-mail_is_ | de_informatie_in_dit_ | de_informatie_verzonden_ | virusvrij. | vous_recevez_ce_message
    vous_avez_reçu_ce_message | pour_se_désabonner | pour_vous_désabonner | sie_erhalten_diese_nachricht | has_recibido_este_mensaje
    you_are_receiving_this | você_recebeu_essa_mensagem | hai_ricevuto_questo_messaggio | je_ontvangt_dit_bericht | unsubscribe | virenfrei.
    the_information_contained_in_this | the_information_in_this_ | this_email_has_been_scanned | this_e-mail_has_been_scanned
    this_message_has_been_scanned | this_message_contains_confidential | ce_message_contient_des_informations | haftungsausschluss
    """
)
"""Beginnings of paragraphs that servers append below everything; only below a quotation are they taken for that."""

REPLY_ABOVE = _rows(
    """
    reply above this line | type your reply above | répondre au-dessus de cette ligne | répondez au-dessus de cette ligne
    écrivez votre réponse au-dessus | bitte oberhalb dieser linie antworten | antworten sie oberhalb dieser zeile
    bitte antworten sie oberhalb dieser linie | responda por encima de esta línea | responder por encima de esta línea
    escriba su respuesta por encima de esta línea | rispondi sopra questa riga | rispondere sopra questa riga | rispondere al di sopra di questa riga
    antwoord boven deze regel | reageer boven deze regel | typ uw antwoord boven deze regel | responda acima desta linha
    responder acima desta linha | écrire au-dessus de cette ligne
    """
)
"""Said by service desks, ours too, in the line below which nothing new stands."""

REQUESTS = _rows("to_unsubscribe | unsubscribe | pour_se_désabonner | pour_vous_désabonner")
"""Those that a person may write as well: above a quotation they are taken for that."""

LEGAL = _rows("confidential | confidentiel | confidencial | vertraulich | riservat | vertrouwelijk | privileged | virus | malware")
"""Said in such a paragraph, and not in a request to be taken off a list, which may begin with the same words."""

LISTS = _rows(
    """
    mailing list | mailinglist | mailman | listinfo | unsubscribe | se désabonner | désinscription | abmelden | abbestellen | darse de baja
    cancelar la suscripción | disiscriversi | cancellare l'iscrizione | uitschrijven | afmelden | cancelar a inscrição | groups.google.com
    """
)
"""In what lists append below each mail."""
